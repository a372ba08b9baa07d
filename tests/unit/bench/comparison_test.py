#!/usr/bin/env python3
"""Figures, comparison and report of bench/all, on recorded JSON lines. Nothing is measured here."""
import importlib.machinery
import importlib.util
import json
import pathlib
import struct
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.dont_write_bytecode = True
BENCH = pathlib.Path(__file__).resolve().parents[3] / "bench"
RECORDED = pathlib.Path(__file__).parent / "recorded.jsonl"
sys.path.insert(0, str(BENCH))
from comparison import (bpf, engines, figures, functions, growth, held, plot, processes, programs, report, rounds, rows,  # noqa
                        runtimes, surface, workloads)  # noqa: E402


def load_compare():
    loader = importlib.machinery.SourceFileLoader("compare", str(BENCH / "compare"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
    loader.exec_module(module)
    return module


compare = load_compare()


def lines(factor=1.0, count=7):
    """A file's records: getpid natively and by yett, dearer by `factor`, the machine slow in some rounds."""
    yield {"record": "machine", "kernel": "Linux", "processors": 2, "processor": "some", "memory": "1 GiB",
           "date": "2026-01-01T00:00:00Z", "load": 0.1, "versions": [], "quick": True, "noise_at_start": 0.0}
    for name in ("native", "yett"):
        yield {"record": "runtime", "name": name, "available": True, "version": "1", "command": name}
    yield {"record": "runtime", "name": "runsc", "available": False, "reason": "not installed"}
    for number in range(count):
        yield {"record": "noise", "round": number, "taken": 0.3}
        slow = 2 if number % 2 else 1
        for name, value in (("native", 100), ("yett", (120 + number) * factor)):
            yield {"record": "figure", "section": "Operations", "workload": "getpid", "runtime": name, "round": number,
                   "value": value * slow, "unit": "ns"}


def results(*arguments):
    found = figures.Results()
    for record in lines(*arguments):
        found.take(record)
    return found


class Figures(unittest.TestCase):
    def test_a_ratio_is_taken_within_each_round(self):
        self.assertAlmostEqual(results().over("getpid", "yett").median, 1.23)

    def test_fewer_than_five_rounds_give_no_ratio(self):
        self.assertIsNone(results(1.0, 4).over("getpid", "yett"))
        self.assertIsNotNone(results(1.0, 5).over("getpid", "yett"))

    def test_only_rounds_that_both_have_count(self):
        one, other = {n: 2.0 for n in range(8)}, {n: 1.0 for n in range(4, 12)}
        self.assertIsNone(figures.ratio(one, other))
        self.assertEqual(figures.ratio(one, {n: 1.0 for n in range(3, 12)}).median, 2.0)

    def test_a_baseline_of_nothing_gives_no_ratio(self):
        self.assertIsNone(figures.ratio({n: 1.0 for n in range(5)}, {n: 0.0 for n in range(5)}))

    def test_the_interval_holds_the_median_and_narrows_with_agreement(self):
        wide, narrow = figures.bootstrap([1, 2, 3, 4, 5, 6, 7]), figures.bootstrap([3.9, 4, 4, 4, 4, 4, 4.1])
        self.assertTrue(wide.low < wide.median < wide.high)
        self.assertLess(narrow.high - narrow.low, wide.high - wide.low)
        self.assertEqual(wide, figures.bootstrap([1, 2, 3, 4, 5, 6, 7]))

    def test_a_line_that_is_no_record_is_named(self):
        for wrong in ("{", '{"record": "nothing"}', '{"record": "noise"}', "[]"):
            with self.subTest(wrong), tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
                file.write(json.dumps(next(lines())) + "\n" + wrong + "\n")
                file.flush()
                with self.assertRaisesRegex(ValueError, ":2: no record"):
                    figures.read(file.name)

    def test_directories_of_the_machine_are_not_told(self):
        with tempfile.NamedTemporaryFile("r") as file:
            figures.Recorder(file.name, {"/home/me/bin": "BIN", "/home/me": "SOURCE"}).write(
                "missing", workload="w", runtime="r", reason="/home/me/bin/yett: no; /home/me/x")
            self.assertEqual(json.loads(file.read())["reason"], "BIN/yett: no; SOURCE/x")

    def test_what_time_did_not_suffice_for_is_told_until_it_was_tried_again(self):
        found = results()
        for workload, reason in (("nginx", "left out for time: 7 s"), ("node", "not installed")):
            found.take({"record": "missing", "workload": workload, "runtime": "yett", "reason": reason})
        self.assertEqual(found.left_out(), {("nginx", "yett")})
        self.assertEqual(found.rounds(), 7)
        found.take({"record": "continued", "date": "2026-01-02T00:00:00Z", "pairs": [["nginx", "yett"]]})
        self.assertEqual((found.left_out(), list(found.missing)), (set(), [("node", "yett")]))
        self.assertIn("2026-01-02", "\n".join(report.header(found)))

    def test_a_file_without_a_machine_is_refused(self):
        with tempfile.NamedTemporaryFile("w") as file, self.assertRaisesRegex(ValueError, "no record of the machine"):
            figures.read(file.name)


class Compare(unittest.TestCase):
    def test_what_became_dearer_is_told(self):
        self.assertEqual([each[2] for each in compare.compare(results(), results(1.5))], ["DEARER"])
        self.assertEqual([each[2] for each in compare.compare(results(1.5), results())], ["cheaper"])

    def test_the_same_is_the_same(self):
        self.assertEqual([each[2] for each in compare.compare(results(), results(1.01))], ["same"])

    def test_too_few_rounds_are_not_compared(self):
        self.assertEqual(compare.compare(results(1.0, 4), results(1.5)), [])

    def test_alike_samples_are_rarely_called_different(self):
        self.assertLessEqual(compare.false_alarms(5, 150), 0.05)
        self.assertLessEqual(compare.false_alarms(15, 150), 0.05)


class Budget(unittest.TestCase):
    def test_the_costliest_pairs_go_and_no_others(self):
        costs = {("a", "x"): 1.0, ("b", "x"): 9.0, ("c", "x"): 2.0}
        self.assertEqual(rounds.chosen(costs, 5, 100), costs)
        self.assertEqual(set(rounds.chosen(costs, 5, 20)), {("a", "x"), ("c", "x")})
        self.assertEqual(rounds.chosen(costs, 5, 1), {})

    def test_what_the_goals_are_about_stays_longer(self):
        self.assertEqual(set(rounds.chosen({("a", "yett"): 3.0, ("a", "podman-crun"): 1.0}, 1, 3)), {("a", "yett")})

    def test_what_is_measured_later_has_its_baselines_in_the_same_round(self):
        self.assertEqual(rounds.with_their_baselines([("nginx", "crun")]), {("nginx", "crun"), ("nginx", "native")})
        self.assertIn(("beside 1", "yett"), rounds.with_their_baselines([("beside 1000", "yett")]))

    def test_every_runtime_begins_in_its_turn(self):
        class Named:
            def __init__(self, name):
                self.name = name
        runtimes = [Named("a"), Named("b"), Named("c")]
        first = {next(rounds.turns([Named("w")], runtimes, number))[1].name for number in range(3)}
        self.assertEqual(first, {"a", "b", "c"})


class Rows(unittest.TestCase):
    place = runtimes.Place(pathlib.Path("/b"), pathlib.Path("/d"), pathlib.Path("/run/s"))

    def names(self, only, **more):
        return [row.name for row in rows.all_rows(self.place, **more) if rows.wanted(row, only)]

    def test_rows_are_chosen_by_patterns(self):
        self.assertEqual(self.names(["yett"]), ["yett"])
        self.assertEqual(self.names(["runsc-*", "native"]), ["native", "runsc-ptrace", "runsc-systrap", "runsc-kvm"])
        self.assertGreater(len(self.names(["yett-*"])), 4)
        self.assertEqual(len(set(self.names(None))), len(self.names(None)))

    def test_a_newer_runsc_has_rows_of_its_own(self):
        self.assertEqual(self.names(["newer-*"]), [])
        newer = [row for row in rows.all_rows(self.place, "/x/runsc") if row.name.startswith("newer-")]
        self.assertEqual({row.version()[0] for row in newer}, {"/x/runsc"})

    def test_engines_start_and_wait_and_do_nothing_else(self):
        class Workload:
            name = "w"
            section = "Start-up"
        engine = next(row for row in rows.all_rows(self.place) if isinstance(row, engines.Podman))
        self.assertTrue(rounds.belong(Workload, engine))
        Workload.section = "Operations"
        self.assertFalse(rounds.belong(Workload, engine))

    def test_what_has_no_network_is_not_asked_to_connect(self):
        class Workload:
            name, section, host_network = "connect", "Operations", True
        asked = [row.name for row in rows.all_rows(self.place) if rounds.belong(Workload, row)]
        self.assertIn("yett-cgroup-bpf", asked)
        self.assertNotIn("yett-no-filter", asked)

    def test_a_row_that_is_not_here_is_told_of(self):
        row = rows.Container("nobody-has-this", self.place)
        self.assertEqual(rows.try_out(row), {"name": row.name, "available": False, "reason": "not installed"})


class Workloads(unittest.TestCase):
    def test_names_are_unique_and_sections_are_known(self):
        for quick in (True, False):
            found = workloads.all_workloads(quick)
            self.assertEqual(len({each.name for each in found}), len(found))
            self.assertLessEqual({each.section for each in found}, set(report.PLOTS))

    def test_a_policy_has_as_many_rules_as_it_says(self):
        self.assertEqual(growth.Rules(1000, 1).policy().split("connect")[1].count("tcp://"), 1000)
        self.assertEqual(len(set(growth.Rules(10000, 1).policy().split('"'))) > 10000, True)

    def test_sandboxes_that_take_all_memory_are_not_started(self):
        with self.assertRaisesRegex(processes.Failed, "0 of 3"), \
                held.held(unittest.mock.Mock(), [None] * 3, 1, while_so=lambda: False):
            self.fail("they were started")

    def test_inputs_are_the_same_each_time(self):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            for each in (one, other):
                programs.write_tree(pathlib.Path(each), 20)
            trees = [{file.relative_to(root): file.read_bytes() for file in pathlib.Path(root).rglob("*") if file.is_file()}
                     for root in (one, other)]
            self.assertEqual(trees[0], trees[1])
            self.assertEqual(len(trees[0]), 20)


def instruction(code, value, true=0, false=0):
    return struct.pack("=HBBI", code, true, false, value)


LOAD_NUMBER, LOAD_ARGUMENT, LOAD_ARCHITECTURE = (instruction(0x20, at) for at in (0, 16, 4))
ALLOWED, REFUSED, NOTIFIED = (instruction(0x06, answer) for answer in (bpf.ALLOW, bpf.ERRNO | 1, bpf.USER_NOTIF))


def equal(value, true, false):
    return instruction(0x15, value, true, false)


class Tracing(unittest.TestCase):
    def test_lines_of_the_tracer(self):
        line = "  python3-4711    [001] ...1.   12.345678: do_sys_open <-__x64_sys_openat\n"
        self.assertEqual(functions.parse_line(line), (4711, "do_sys_open"))
        self.assertEqual(functions.parse_line(" runsc-sandbox-9 [000] d..2. 1.0: schedule <-x\n"), (9, "schedule"))
        self.assertIsNone(functions.parse_line("#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION <-x\n"))
        self.assertIsNone(functions.parse_line("CPU:0 [LOST 17 EVENTS]\n"))


class Filters(unittest.TestCase):
    only_39 = bpf.parse(LOAD_NUMBER + equal(39, 0, 1) + ALLOWED + REFUSED)
    one_if_argument = bpf.parse(LOAD_NUMBER + equal(1, 0, 2) + LOAD_ARGUMENT + equal(2, 1, 0) + NOTIFIED + ALLOWED)

    def test_a_number_decides(self):
        self.assertEqual(bpf.answers(self.only_39, 39), {bpf.ALLOW})
        self.assertEqual(bpf.answers(self.only_39, 40), {bpf.ERRNO})

    def test_an_argument_is_followed_both_ways(self):
        self.assertEqual(bpf.answers(self.one_if_argument, 1), {bpf.ALLOW, bpf.USER_NOTIF})
        self.assertEqual(bpf.answers(self.one_if_argument, 3), {bpf.USER_NOTIF})

    def test_the_strictest_of_several_filters_counts(self):
        self.assertEqual(bpf.of_all([self.only_39, self.one_if_argument], 1), {bpf.ERRNO})
        self.assertEqual(bpf.of_all([], 1), {bpf.ALLOW})

    def test_another_architecture_is_another_question(self):
        one = bpf.parse(LOAD_ARCHITECTURE + equal(bpf.X86_64, 1, 0) + REFUSED + ALLOWED)
        self.assertEqual(bpf.answers(one, 0), {bpf.ALLOW})
        self.assertEqual(bpf.answers(one, 0, bpf.I386), {bpf.ERRNO})

    def test_masks_of_arguments_are_unknown_but_for_nothing(self):
        for mask, expected in ((0, {bpf.ALLOW}), (8, {bpf.ALLOW, bpf.ERRNO})):
            one = bpf.parse(LOAD_ARGUMENT + instruction(0x54, mask) + equal(0, 0, 1) + ALLOWED + REFUSED)
            self.assertEqual(bpf.answers(one, 0), expected)

    def test_memory_and_jumps_are_followed(self):
        one = bpf.parse(LOAD_NUMBER + instruction(0x02, 3) + instruction(0x05, 1) + REFUSED + instruction(0x60, 3)
                        + instruction(0x35, 10, 0, 1) + ALLOWED + REFUSED)
        self.assertEqual(bpf.answers(one, 10), {bpf.ALLOW})
        self.assertEqual(bpf.answers(one, 9), {bpf.ERRNO})

    def test_calls_are_told_apart(self):
        data = LOAD_NUMBER + equal(1, 0, 2) + LOAD_ARGUMENT + equal(2, 1, 0) + NOTIFIED + ALLOWED
        found, of_32_bits = surface.judged((data,))
        self.assertEqual((found["always"], found["sometimes"]), ([], ["write"]))
        self.assertEqual(len(found["asked"]), len(surface.calls()) - 1)
        self.assertTrue(of_32_bits)


class SlowingMachine(unittest.TestCase):
    """A run whose second runtime becomes ten times as slow after the warm-up."""

    def test_the_slow_pair_goes_and_the_others_keep_their_rounds(self):
        clock = [0.0]
        written = []

        class Runtime:
            def __init__(self, name):
                self.name, self.takes = name, iter([1.0, 10.0, 10.0, 10.0, 10.0, 10.0] if name == "b" else [1.0] * 6)

        class Workload:
            name, section = "w", "Operations"

            def measure(self, runtime, seconds):
                clock[0] += next(runtime.takes)
                return [("w", 1.0, "ns")]

        class Recorder:
            def write(self, record, **fields):
                written.append((record, fields.get("runtime")))

        with unittest.mock.patch.object(rounds.time, "monotonic", lambda: clock[0]), \
                unittest.mock.patch.object(rounds, "taken_by_others", lambda: 0.0):
            rounds.Rounds([Workload()], [Runtime("a"), Runtime("b")], Recorder(), True).run(5, 30)
        self.assertEqual(written.count(("figure", "a")), 5)
        self.assertLess(written.count(("figure", "b")), 5)
        self.assertIn(("missing", "b"), written)
        self.assertLessEqual(clock[0], 30)


class Report(unittest.TestCase):
    def written(self, found):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            text = report.write(found, path).read_text()
            drawn = {each.name: each.read_text() for each in path.glob("*.svg")}
        return text, drawn

    def test_it_says_what_it_must(self):
        text, drawn = self.written(results())
        self.assertRegex(text, r"\| yett \| 126; 1.23 \(")
        self.assertIn("**runsc**: not measured: not installed", text)
        self.assertIn("others took 30%", text)
        self.assertIn("disturbed", text)
        self.assertIn("| getpid | yett / native | 1.03 |", text)
        self.assertIn("MISSED", text)
        self.assertEqual(set(drawn), {"operations.svg"})

    def test_the_surface_is_a_table_and_a_plot(self):
        found = results()
        found.machine["calls"] = 383
        common = {"runtime": "yett", "sandboxed": True, "filters": 1, "capabilities": 0, "threads": 1, "own_users": True, "count": 2}
        found.take({"record": "surface", **common, "process": "p", "always": ["read"] * 197, "sometimes": ["open"] * 20,
                    "asked": [], "of_32_bits": False})
        found.take({"record": "surface", **common, "process": "stub", "reason": "its filters cannot be read"})
        found.take({"record": "functions", "kernel": "6.12", "runtime": "yett", "program": 1844, "helpers": 534, "together": 1890})
        text, drawn = self.written(found)
        self.assertIn("| yett | 1,844 | 534 | 1,890 |", text)
        self.assertIn("1844 + 46", "".join(xml.etree.ElementTree.fromstring(drawn["functions.svg"]).itertext()))
        self.assertIn("| yett | 2 x p | program | 197 | 20 | 0 | no | 0 | own |", text)
        self.assertIn("its filters cannot be read", text)
        words = "".join(xml.etree.ElementTree.fromstring(drawn["surface.svg"]).itertext())
        self.assertIn("197 + 20", words)
        self.assertIn("system calls of 383, linear scale from 0", words)

    def test_what_was_left_out_for_time_is_told_by_workload(self):
        found = results()
        for runtime in ("a", "b"):
            found.take({"record": "missing", "workload": "w", "runtime": runtime, "reason": "left out for time: 3 s"})
        found.take({"record": "missing", "workload": "w", "runtime": "c", "reason": "broke"})
        text = self.written(found)[0]
        self.assertIn("- w: left out for time: a, b\n", text)
        self.assertIn("- w, c: broke\n", text)

    def test_memory_is_judged_by_the_difference(self):
        found = results()
        for runtime, value, verdict in (("native", 100, None), ("yett", 500, "400 | met"), ("yett", 501, "401 | MISSED")):
            found.take({"record": "figure", "section": "Memory of idle sandboxes", "workload": report.MEMORY,
                        "runtime": runtime, "round": 0, "value": value, "unit": "KiB"})
            if verdict:
                self.assertIn(verdict, self.written(found)[0])

    def test_four_rounds_stand_without_a_ratio_or_a_verdict(self):
        text, drawn = self.written(results(1.0, 4))
        self.assertNotIn("; 1.2", text)
        self.assertNotIn("MISSED", text)
        self.assertEqual(drawn, {})

    def test_a_recorded_run_is_drawn(self):
        text, drawn = self.written(figures.read(RECORDED))
        self.assertEqual(set(drawn), {"start.svg", "operations.svg", "disk.svg", "programs.svg", "memory.svg"})
        self.assertIn("## Not measured", text)
        for name, picture in drawn.items():
            with self.subTest(name):
                words = "".join(xml.etree.ElementTree.fromstring(picture).itertext())
                self.assertRegex(words, "(logarithmic scale|linear scale from 0)")
                self.assertRegex(words, "(median, (us|KiB)|times native), ")
                self.assertIn("yett", words)

    def test_a_plot_has_room_for_its_bars(self):
        groups = [(f"g{number}", [("r", None)] * 30) for number in range(5)]
        self.assertEqual([len(each) for each in plot.pieces(groups)], [2, 2, 1])
        self.assertEqual(plot.pieces([]), [])
        self.assertEqual([len(each) for each in plot.pieces([("large", [("r", None)] * 100)])], [1])

    def test_far_apart_is_logarithmic_and_near_is_not(self):
        self.assertTrue(plot.Axis([1, 100]).logarithmic)
        near = plot.Axis([1.0, 1.2])
        self.assertFalse(near.logarithmic)
        self.assertEqual(near.ticks()[0], 0)
        self.assertLess(plot.Axis([67, 50000]).origin, 67)
        for axis in (plot.Axis([1, 100]), near, plot.Axis([0.98, 1.0, 1.02])):
            places = [axis.place(each) for each in axis.ticks()]
            self.assertEqual(places, sorted(places))
            self.assertGreaterEqual(len(places), 3)


if __name__ == "__main__":
    unittest.main()
