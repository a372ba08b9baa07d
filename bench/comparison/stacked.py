"""Bars of counts that add up, as SVG: one bar a row, its parts told apart by their filling, in black and white."""
from . import plot

PATTERN = ('<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
           '<rect width="6" height="6" fill="#fff"/><rect width="2.5" height="6" fill="#000"/></pattern></defs>')
FILLINGS = ("#555", "url(#hatched)", "#fff")


def legend(names):
    x, y = plot.LEFT, 46
    for fill, words in zip(FILLINGS, names):
        yield f'<rect x="{x}" y="{y - 10}" width="22" height="12" fill="{fill}" stroke="#000"/>'
        yield plot.text(x + 28, y, words)
        x += 60 + 7 * len(words)


def bar(axis, y, counts):
    end = 0
    for fill, count in zip(FILLINGS, counts):
        begin, end = end, end + count
        yield (f'<rect x="{axis.place(begin):.1f}" y="{y + 3}" width="{axis.place(end) - axis.place(begin):.1f}" '
               f'height="{plot.ROW - 6}" fill="{fill}" stroke="#000"/>')
    words = " + ".join(str(count) for count in counts if count)
    x = axis.place(end) + 6  # on white, for a line of the grid may run through it
    yield f'<rect x="{x - 2:.1f}" y="{y + 2}" width="{7.5 * len(words) + 4:.0f}" height="{plot.ROW - 4}" fill="#fff"/>'
    yield plot.text(x, y + plot.ROW / 2 + 4, words)


def draw(title, names, unit, rows):
    """Of rows [(label, counts)], a count for each of the names."""
    axis = plot.Axis([max(sum(counts) for _, counts in rows)])  # one value: linear, from 0
    bottom = plot.TOP + 16 + plot.ROW * len(rows)
    parts = [PATTERN, plot.text(12, 24, title, more='font-size="16" font-weight="bold"'), *legend(names),
             *plot.grid(axis, bottom), plot.text((plot.LEFT + plot.WIDTH - plot.RIGHT) / 2, bottom + 36,
                                                 f"{unit}, linear scale from 0", "middle")]
    for number, (label, counts) in enumerate(rows):
        y = plot.TOP + 10 + plot.ROW * number
        parts += bar(axis, y, counts)
        parts.append(plot.text(plot.LEFT - 8, y + plot.ROW / 2 + 4, label, "end"))
    return plot.page(bottom + plot.FOOT, parts)
