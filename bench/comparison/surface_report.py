"""The report's sections on the attack surface: processes with the calls they can make, and kernel functions reached."""
from . import stacked

KINDS = {"always": "always pass", "sometimes": "pass with some arguments", "asked": "another process is asked"}


def plural(count, name):
    return f"{count} x {name}" if count > 1 else name


def short_name(record):
    return "program" if record["sandboxed"] else record["process"]


def cells(record):
    counts = [str(len(record[kind])) for kind in KINDS] if "always" in record else [record["reason"], "", ""]
    of_32 = {True: "yes", False: "no", None: ""}[record.get("of_32_bits")]
    users = "own" if record["own_users"] else "the host's"
    return [plural(record["count"], record["process"]), "program" if record["sandboxed"] else "helper", *counts, of_32,
            str(record["capabilities"]), users]


def table(records):
    yield "| runtime | process | | calls that always pass | with some arguments | another is asked | 32-bit calls | capabilities | user namespace |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for record in records:
        yield "| " + " | ".join([record["runtime"], *cells(record)]) + " |"


def plotted(records):
    """The programs themselves and helpers with a filter: what has none can make every call."""
    return [each for each in records if "always" in each and (each["sandboxed"] or each["filters"])]


def lines(records, of_all, write_plot):
    """`write_plot(name, svg)` keeps a plot."""
    yield "## Attack surface"
    yield ""
    yield (f"System calls, of {of_all}, that each process of a sandbox with one idle program can make, read from its "
           "seccomp filters. A call that another process is asked about is refused or carried out by a supervisor. "
           "Capabilities hold in the process's user namespace. What gVisor runs has no process of its own to read: its calls end "
           "in the helper `exe`.")
    yield ""
    yield from table(records)
    if drawn := plotted(records):
        rows = [(f"{each['runtime']}: {short_name(each)}", [len(each[kind]) for kind in KINDS]) for each in drawn]
        write_plot("surface", stacked.draw("System calls that can be made", KINDS.values(), f"system calls of {of_all}", rows))
        yield ""
        yield "![Attack surface](surface.svg)"
    yield ""


def function_lines(by_runtime, write_plot):
    """Of the records of functions.py."""
    kernels = sorted({record["kernel"] for record in by_runtime.values()})
    yield "## Kernel functions reached"
    yield ""
    yield (f"Distinct functions of the kernel (Linux {', '.join(kernels)}) that were entered while the same work was done: files "
           "made, renamed, removed, directories listed, Python with a socket pair, a thread and a mapping. Making and ending "
           "the sandbox are left out. Helpers are all processes of the runtime but the program's own.")
    yield ""
    yield "| runtime | by the program | by helpers | together |"
    yield "|---|---|---|---|"
    for name, record in by_runtime.items():
        yield f"| {name} | {record['program']:,} | {record['helpers']:,} | {record['together']:,} |"
    rows = [(name, (record["program"], record["together"] - record["program"])) for name, record in by_runtime.items()]
    write_plot("functions", stacked.draw("Kernel functions reached by the same work", ("by the program", "by helpers alone"),
                                         "distinct kernel functions", rows))
    yield ""
    yield "![Kernel functions](functions.svg)"
    yield ""
