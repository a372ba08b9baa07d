"""The report's section on the attack surface: a table of processes and a plot of the calls they can make."""
from . import plot

PATTERN = ('<defs><pattern id="sometimes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
           '<rect width="6" height="6" fill="#fff"/><rect width="2.5" height="6" fill="#000"/></pattern></defs>')
KINDS = (("always", "#555", "always pass"), ("sometimes", "url(#sometimes)", "pass with some arguments"),
         ("asked", "#fff", "another process is asked"))


def plural(count, name):
    return f"{count} x {name}" if count > 1 else name


def short_name(record):
    return "program" if record["sandboxed"] else record["process"]


def cells(record):
    counts = [str(len(record[kind])) for kind, *_ in KINDS] if "always" in record else [record["reason"], "", ""]
    of_32 = {True: "yes", False: "no", None: ""}[record.get("of_32_bits")]
    users = "own" if record["own_users"] else "the host's"
    return [plural(record["count"], record["process"]), "program" if record["sandboxed"] else "helper", *counts, of_32,
            str(record["capabilities"]), users]


def table(records):
    yield "| runtime | process | | calls that always pass | with some arguments | another is asked | 32-bit calls | capabilities | user namespace |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for record in records:
        yield "| " + " | ".join([record["runtime"], *cells(record)]) + " |"


def legend(y):
    x = plot.LEFT
    for _, fill, words in KINDS:
        yield f'<rect x="{x}" y="{y - 10}" width="22" height="12" fill="{fill}" stroke="#000"/>'
        yield plot.text(x + 28, y, words)
        x += 60 + 7 * len(words)


def bar(axis, y, record):
    end = 0
    for kind, fill, _ in KINDS:
        begin, end = end, end + len(record[kind])
        yield (f'<rect x="{axis.place(begin):.1f}" y="{y + 3}" width="{axis.place(end) - axis.place(begin):.1f}" '
               f'height="{plot.ROW - 6}" fill="{fill}" stroke="#000"/>')
    yield plot.text(axis.place(end) + 6, y + plot.ROW / 2 + 4, " + ".join(str(len(record[kind])) for kind, *_ in KINDS if record[kind]))


def draw(title, records, of_all):
    """An SVG: a bar for each of the records, over the number of all calls."""
    axis = plot.Axis([of_all * 0.9, of_all], origin=0)  # linear, from 0
    bottom = plot.TOP + 16 + plot.ROW * len(records)
    parts = [PATTERN, plot.text(12, 24, title, more='font-size="16" font-weight="bold"'), *legend(46),
             *plot.grid(axis, bottom), plot.text((plot.LEFT + plot.WIDTH - plot.RIGHT) / 2, bottom + 36,
                                                 f"system calls of {of_all}, linear scale from 0", "middle")]
    for number, record in enumerate(records):
        y = plot.TOP + 10 + plot.ROW * number
        parts += bar(axis, y, record)
        parts.append(plot.text(plot.LEFT - 8, y + plot.ROW / 2 + 4, f"{record['runtime']}: {short_name(record)}", "end"))
    return plot.page(bottom + plot.FOOT, parts)


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
        write_plot("surface", draw("System calls that can be made", drawn, of_all))
        yield ""
        yield "![Attack surface](surface.svg)"
    yield ""
