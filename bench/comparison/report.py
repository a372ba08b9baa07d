"""The report: Markdown and plots, from Results alone."""
import functools
import shutil
import statistics
import subprocess

from . import plot, surface_report
from .figures import FEWEST_ROUNDS, FOR_TIME, NATIVE, bootstrap

QUIET = 0.02  # share of time taken by others
# section -> (name of its plot's file, the unit of the plot: None for ratios to native)
PLOTS = {"Start-up": ("start", "us"), "Containers": ("containers", "us"), "Operations": ("operations", None), "Files on a disk": ("disk", None),
         "Programs": ("programs", None), "Packages": ("packages", "us"), "Memory of idle sandboxes": ("memory", "KiB"),
         "Growth": ("growth", None)}
GVISOR = "runsc"  # whichever of its platforms is the quickest
BARE = "notify-baseline"
MEMORY, MOST_KIB = "memory of 5", 400
LIFE_CYCLE = "create, start and delete"
FROM_POOL = "start of true"
JUDGED = {LIFE_CYCLE: "yett-container", FROM_POOL: "yett-warm"}  # workload -> whose goal it is, if not "yett"
# (workload, beside which runtime and workload, at most): yett's goals that a run of this kind can judge.
GOALS = (("start", NATIVE, None, 3), ("start", "bwrap", None, 0.5), ("start", "crun", None, 0.1),
         ("start", GVISOR, None, 0.02), (FROM_POOL, NATIVE, None, 1.2),
         (LIFE_CYCLE, "crun", None, 1 / 3), ("getpid", NATIVE, None, 1.03), ("open+close", NATIVE, None, 1.05),
         ("connect", NATIVE, None, 1.05), ("sysinfo", NATIVE, BARE, 1.2),
         *((name, NATIVE, None, 1 / 0.98) for name in ("nginx, a request", "redis set", "redis get", "sqlite", "gcc -O2 -c",
                                                       "python work")),
         *((f"{what}, {much}", "yett", f"{what}, {few}", 1.2)
           for what, much, few in (("start", "beside 1000", "beside 1"), ("open+close", "beside 1000", "beside 1"),
                                   ("start", "10000 rules", "10 rules"), ("connect", "10000 rules", "10 rules"))))


def runtimes_of(results, names):
    return [each for each in results.runtimes if any(each in results.values[name] for name in names)]


def interval_text(interval):
    return f"{interval.median:.3g} ({interval.low:.3g} to {interval.high:.3g})"


def cell(results, name, runtime):
    median = results.median(name, runtime)
    if median is None:
        return "-"
    over = results.over(name, runtime) if runtime != NATIVE else None
    return plot.short(median) + (f"; {interval_text(over)}" if over else "")


def transposed(results, names, columns):
    """A row for each runtime, where there are more of them than of workloads."""
    yield "| | " + " | ".join(f"{name}, {results.units[name]}" for name in names) + " |"
    yield "|---|" + "---|" * len(names)
    for column in columns:
        yield f"| {column} | " + " | ".join(cell(results, name, column) for name in names) + " |"


def table(results, names):
    columns = runtimes_of(results, names)
    if len(columns) > len(names):
        yield from transposed(results, names, columns)
        return
    yield "| | unit | " + " | ".join(columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    for name in names:
        cells = (cell(results, name, each) for each in columns)
        yield f"| {name} | {results.units[name]} | " + " | ".join(cells) + " |"


def header(results):
    machine = results.machine
    taken = statistics.median(results.noise) if results.noise else machine.get("noise_at_start", 0)
    disturbed = taken > QUIET
    yield "# Runtimes compared"
    yield ""
    yield (f"{machine['kernel']}, {machine['processors']} x {machine['processor']}, {machine['memory']}; "
           f"{machine['date']}")
    yield ""
    yield (f"{len(results.noise)} interleaved rounds{', quick' if machine.get('quick') else ''}. Each cell: the median and, "
           "after the semicolon, the ratio to native in the same round with its 95 % bootstrap interval. Less is better. "
           f"No ratio stands where there were fewer than {FEWEST_ROUNDS} rounds.")
    yield ""
    for later in results.continued:
        yield f"{len(later['pairs'])} pairs of a workload and a runtime, which time had not sufficed for, in a further run: {later['date']}."
        yield ""
    yield (f"Noise: load {machine['load']:.1f} at the start; others took {taken:.0%} of a single loop's time (median of the "
           f"rounds). " + ("**The machine was disturbed: take these figures, and the goals, as an example and not as a "
                           "result.**" if disturbed else "The machine was quiet."))


def runtime_lines(results):
    yield "## Runtimes"
    yield ""
    yield ("In the command lines BIN is where the programs were built, SOURCE the tree, STATE a directory of the run's on a tmpfs, DATA one "
           "on a disk.")
    yield ""
    for name, record in results.runtimes.items():
        if record["available"]:
            yield f"- **{name}**: {record['version']}; `{record['command']}`"
        else:
            yield f"- **{name}**: not measured: {record['reason']}"


def quickest_gvisor(results, name):
    medians = {row: results.median(name, row) for row in results.runtimes if GVISOR in row.split("-")}
    return min((row for row, median in medians.items() if median is not None), key=medians.get, default=GVISOR)


def judged(results):
    for name, beside, workload, most in GOALS:
        beside = quickest_gvisor(results, name) if beside == GVISOR else beside
        who = JUDGED.get(name, "yett")
        found = results.over(name, who, beside, workload)
        if found is None:
            verdict = "not judged"
        elif found.low <= most < found.high:
            verdict = "open: the interval holds both"
        else:
            verdict = "met" if found.high <= most else "MISSED"
        of = f"{who} / {beside}" + (f", {workload}" if workload else "")
        yield f"| {name} | {of} | {most:.3g} | {interval_text(found) if found else '-'} | {verdict} |"


def judged_memory(results):
    """What a sandbox needs beyond the program's own, which is no ratio; memory hardly varies, so one round is told of."""
    own, whole = results.median(MEMORY, NATIVE), results.median(MEMORY, "yett")
    if own is not None and whole is not None:
        verdict = "met" if whole - own <= MOST_KIB else "MISSED"
        count = len(results.values[MEMORY]["yett"])
        rounds = f"{count} rounds" if count > 1 else "one round"
        yield f"| {MEMORY}, KiB each | yett - native | {MOST_KIB} | {whole - own:,.0f} | {verdict} ({rounds}) |"


def missing_lines(results):
    """Those that were left out for time in one line for each workload."""
    for_time = {}
    for (workload, runtime), reason in results.missing.items():
        if reason.startswith(FOR_TIME):
            for_time.setdefault(workload, []).append(runtime)
        else:
            yield f"- {workload}, {runtime}: {reason}"
    for workload, left_out in for_time.items():
        yield f"- {workload}: {FOR_TIME}: {', '.join(left_out)}"


def intervals(results, name, in_unit):
    """[(runtime, Interval)] of a plot's group: figures, or ratios to native."""
    found = []
    for runtime in runtimes_of(results, [name]):
        if in_unit:
            found.append((runtime, bootstrap(list(results.values[name][runtime].values()))))
        elif runtime != NATIVE and (over := results.over(name, runtime)):
            found.append((runtime, over))
    return found


def keep_plot(directory, name, drawn):
    """As SVG, and as PNG where rsvg-convert is."""
    (directory / f"{name}.svg").write_text(drawn, encoding="utf-8")
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "-o", f"{directory}/{name}.png", f"{directory}/{name}.svg"], check=True)


def write_plots(results, directory, title, names):
    """The names of the plots' files, without their ends: none when there is nothing to draw."""
    file, unit = PLOTS[title]
    groups = [(name, intervals(results, name, unit)) for name in names]
    groups = [(name, [(who, each) for who, each in bars if each.low > 0]) for name, bars in groups]
    groups = [group for group in groups if group[1]]
    shades = {name: plot.shade(number, name) for number, name in enumerate(results.runtimes)}
    what = f"median, {unit}" if unit else "times native"
    pieces = plot.pieces(groups)
    files = [file if len(pieces) == 1 else f"{file}-{number}" for number in range(1, len(pieces) + 1)]
    for name, piece in zip(files, pieces):
        keep_plot(directory, name, plot.draw(title, what, piece, shades, None if unit else 1))
    return files


def section_lines(results, directory, title, names):
    yield f"## {title}"
    yield ""
    yield from table(results, names)
    for file in write_plots(results, directory, title, names):
        yield ""
        yield f"![{title}]({file}.svg)"
    yield ""


def write(results, directory):
    """report.md and the plots, into the directory."""
    lines = [*header(results), "", *runtime_lines(results), ""]
    for title in filter(results.sections.get, PLOTS):
        lines += section_lines(results, directory, title, list(results.sections[title]))
    if results.surface:
        lines += surface_report.lines(results.surface, results.machine["calls"], functools.partial(keep_plot, directory))
    if results.functions:
        lines += surface_report.function_lines(results.functions, functools.partial(keep_plot, directory))
    lines += ["## Goals", "", "| what | ratio | at most | measured | |", "|---|---|---|---|---|", *judged(results),
              *judged_memory(results)]
    if results.missing:
        lines += ["", "## Not measured", "", *missing_lines(results)]
    (directory / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return directory / "report.md"
