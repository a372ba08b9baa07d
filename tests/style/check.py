"""Checks of the sources: `check.py NAME SOURCE_DIR BUILD_DIR` prints each offence, ends 1 if any.

Each check is a function check_NAME(source, build) that yields lines of the form "file:line: what".
The rules are those of CONTRIBUTING.md and docs/architecture.md.
"""
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOTS = ("base", "ioctl_uapi", "bpf", "sandbox", "supervisor", "runsc-like", "libyett", "tests", "bench", "examples")
SUFFIXES = {".cpp", ".hpp", ".c", ".h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def sources(source, roots=ROOTS, suffixes=SUFFIXES):
    for root in roots:
        for path in sorted((source / root).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


# ---- who may include whom ---------------------------------------------------------------------------


def read_rooms(build):
    """Folder and directly used rooms of each room, as CMake was told."""
    rooms = {}
    for line in (build / "rooms.txt").read_text().splitlines():
        name, folder, uses = line.split("|")
        rooms[name] = (folder, uses.split())
    return rooms


def reachable(rooms, name, seen=None):
    seen = set() if seen is None else seen
    for used in rooms[name][1]:
        if used not in seen and used in rooms:
            seen.add(used)
            reachable(rooms, used, seen)
    return seen


def room_of(rooms, relative):
    """The room with the longest folder that holds the file; None outside of all rooms."""
    holders = [name for name, (folder, _) in rooms.items() if relative.startswith(folder + "/")]
    return max(holders, key=lambda name: len(rooms[name][0]), default=None)


def check_room_includes(source, build):
    """An include of another room's header needs that room in USES, of the room or of a used one."""
    rooms = read_rooms(build)
    for path in sources(source, ("base", "ioctl_uapi", "sandbox", "supervisor", "runsc-like")):
        relative = str(path.relative_to(source))
        room = room_of(rooms, relative)
        if room is None:
            yield f"{relative}:1: belongs to no room: declare one with yett_room()"
            continue
        allowed = reachable(rooms, room) | {room}
        for number, _, name in includes(path):
            target = room_of(rooms, name) if (source / name).is_file() else None
            if target and target not in allowed:
                yield f"{relative}:{number}: room {room} does not use room {target} ({name})"


# Header prefix, and the only places that may name it.
OWNED = [
    ("seccomp.h", ["tests/unit/filter_oracle_test", "sandbox/seccomp/"],
     "libseccomp compiles config.json's section, and is the tests' second opinion"),
    ("bpf/", ["supervisor/lsm/", "bpf/", "sandbox/host/", "tests/bpf/", "tests/uapi/"], "libbpf belongs to supervisor/lsm"),
    ("boost/", ["supervisor/loop/", "supervisor/session/", "supervisor/daemon/", "supervisor/control/", "examples/"],
     "Asio belongs to supervisor/loop"),
    ("sqfs/", ["sandbox/package/"], "libsquashfs belongs to sandbox/package"),
    ("archive", ["runsc-like/images/"], "libarchive belongs to runsc-like/images"),
    ("toml++/", ["base/toml.hpp"], "toml++ is included through base/toml.hpp"),
    ("spdlog/", ["supervisor/loop/", "supervisor/daemon/", "runsc-like/cli/"], "other rooms return, they do not log"),
    ("iostream", ["tests/", "bench/", "examples/"], "its static initialiser costs every start"),
    ("filesystem", ["sandbox/package/", "runsc-like/", "tests/", "bench/"],
     "paths are opened by descriptor in what confines"),
]
PURE = ("sandbox/plan/", "sandbox/policy/", "supervisor/verdict/")
IMPURE = re.compile(r"^(unistd\.h|fcntl\.h|sys/(mount|wait|ioctl|socket|stat|mman)\.h|seccomp\.h|bpf/|boost/|spdlog/|fstream)")


def check_owned_includes(source, build):
    """Third-party headers stay with the room that owns them; pure rooms reach for nothing."""
    for path in sources(source):
        relative = str(path.relative_to(source))
        for number, kind, name in includes(path):
            if kind == "<" or name.startswith(("bpf/", "boost/")):
                for prefix, owners, why in OWNED:
                    ours = (source / name).is_file()
                    if not ours and name.startswith(prefix) and not relative.startswith(tuple(owners)):
                        yield f"{relative}:{number}: <{name}>: {why}"
                if relative.startswith(PURE) and IMPURE.match(name):
                    yield f"{relative}:{number}: <{name}>: this room is pure: values in, values out"


# ---- code between clone and exec --------------------------------------------------------------------

CHILD_FORBIDDEN = re.compile(
    r"operator (new|delete)|^(malloc|calloc|realloc|free)$|__cxa_(throw|allocate_exception)|pthread_mutex"
    r"|std::__throw|std::__cxx11::basic_string|fmt::|spdlog::|^(printf|fprintf|snprintf|syslog|exit)$")


def check_child_symbols(source, build):
    """Objects of *_child.cpp call no allocator, thrower, lock, formatter or logger."""
    if (build / "CMakeCache.txt").read_text().find("YETT_SANITIZE:STRING=\n") < 0:
        return  # sanitizers add calls of their own; the release build is what is checked
    for path in sources(source, suffixes={".cpp"}):
        if not path.name.endswith("_child.cpp"):
            continue
        objects = list(build.rglob(f"{path.name}.o"))
        if not objects:
            yield f"{path.relative_to(source)}:1: is not built"
        for built in objects:
            listing = subprocess.run(["nm", "-C", "-u", built], capture_output=True, text=True, check=True).stdout
            for line in listing.splitlines():
                symbol = line.split(maxsplit=1)[1]
                if CHILD_FORBIDDEN.search(symbol):
                    yield f"{path.relative_to(source)}:1: between clone and exec: {symbol}"


# ---- words, length, format, licences ----------------------------------------------------------------

# A decision by number and registers alone: docs/decisions/0031-live-policies.md.
CONTINUES = "supervisor/notify/continue_by_registers.cpp"

FORBIDDEN_WORDS = [
    (re.compile(r"SECCOMP_USER_NOTIF_FLAG_CONTINUE"), "a notified call is never simply continued"),
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "finish it or leave it out"),
    (re.compile(r"\bstd::endl\b"), "flushes; use \\n"),
    (re.compile(r"\busing namespace std;"), "name what is used"),
]


def check_forbidden_words(source, build):
    for path in sources(source):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for pattern, why in FORBIDDEN_WORDS:
                if pattern.search(line) and not (path.relative_to(source).as_posix() == CONTINUES and "CONTINUE" in pattern.pattern):
                    yield f"{path.relative_to(source)}:{number}: {pattern.search(line).group()}: {why}"


def check_file_length(source, build):
    for path in sources(source):
        length = len(path.read_text().splitlines())
        if length > 500:
            yield f"{path.relative_to(source)}:{length}: longer than 500 lines: it answers two questions"


def check_format(source, build):
    if not shutil.which("clang-format-19"):
        if os.environ.get("YETT_REQUIRE_FULL") == "1":
            yield "clang-format-19 is missing: ./dev lint installs it"
            return
        print("clang-format-19 is missing")
        sys.exit(77)
    files = [str(path) for path in sources(source)]
    run = subprocess.run(["clang-format-19", "--dry-run", *files], capture_output=True, text=True, cwd=source)
    offenders = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "-Wclang-format-violations" in line})
    for offender in offenders:
        yield f"{os.path.relpath(offender, source)}:1: is not formatted: ./dev fmt"


def check_security_tests(source, build):
    """Each SECURITY(name) in the sources is the name of something in the tests."""
    tests = "\n".join(path.read_text() for path in (source / "tests").rglob("*")
                      if path.is_file() and path.suffix in SUFFIXES | {".sh", ".py", ".tsv"} and path.parent.name != "style")
    for path in sources(source, ("base", "ioctl_uapi", "bpf", "sandbox", "supervisor", "runsc-like")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in re.findall(r"SECURITY\(([a-z0-9_-]+)\)", line):
                if not re.search(rf"(?<![\w-]){name}(?![\w-])", tests):
                    yield f"{path.relative_to(source)}:{number}: SECURITY({name}) has no test of that name"


TEST_NAME = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)")


def test_names(source):
    """Every test: "Suite.Name", "oci.case", and those that CMake alone knows."""
    for path in sources(source, ("tests",)):
        for suite, name in TEST_NAME.findall(path.read_text()):
            yield f"{suite}.{name}"
    for path in (source / "tests/oci").glob("*.py"):
        for name in re.findall(r"^def case_(\w+)", path.read_text(), re.M):
            yield f"oci.{name}"
    for path in (source / "tests").rglob("*.cmake"):
        yield from re.findall(r"add_test\(NAME ([\w.]+)", path.read_text())
    for name in globals():
        yield name.replace("check_", "style.", 1)


def check_threat_model(source, build):
    """What docs/threat-model.md names as `Suite.Test`, with * or without, or as `tests/...` is there."""
    known = set(test_names(source))
    page = source / "docs/threat-model.md"
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for name in re.findall(r"`([A-Za-z]\w*\.[\w*]+|tests/[\w/.]+)`", line):
            if name.startswith("tests/"):
                found = name.endswith("x_test.cpp") or (source / name).exists()  # x stands for any
            else:
                found = fnmatch.filter(known, name)
            if not found:
                yield f"docs/threat-model.md:{number}: there is no test {name}"


def check_quotes(source, build):
    """What a page in docs/ shows below a line <!-- quote FILE --> stands so in that file of the tree."""
    for page in sorted((source / "docs").glob("*.md")):
        lines = page.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if not (marked := re.fullmatch(r"<!-- quote ([\w./-]+) -->", line)):
                continue
            shown = []
            for each in lines[number:]:
                if each and not each.startswith("    "):
                    break
                shown.append(each[4:])
            quote = "\n".join(shown).strip("\n")
            path = source / marked.group(1)
            told = "\n".join(each.rstrip() for each in path.read_text().splitlines()) if path.exists() else ""
            if not quote or quote not in told:
                yield f"{page.relative_to(source)}:{number}: {marked.group(1)} does not say this"


def check_bpf_licence(source, build):
    """Kernel programs and the headers they share are dual licensed; the rest is Apache-2.0."""
    for path in sources(source, ("bpf",), {".c", ".h"}):
        first = path.read_text().split("\n", 1)[0]
        if "SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only" not in first:
            yield f"{path.relative_to(source)}:1: needs SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only"


def main():
    name, source, build = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    offences = list(globals()[f"check_{name}"](source, build))
    for offence in offences:
        print(offence)
    sys.exit(1 if offences else 0)


main()
