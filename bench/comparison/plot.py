"""Plots as SVG: one chart of horizontal bars per group, readable in black and white.

A runtime is told by its place and its name at the bar, not by a colour. Axes are logarithmic where
figures are apart by more than TENS, and say so.
"""
import math
from xml.sax.saxutils import escape

BARS_A_PLOT = 64
WIDTH, LEFT, RIGHT, ROW, TOP, FOOT = 1000, 292, 150, 18, 58, 52
SHADES = ("#ffffff", "#d9d9d9", "#bdbdbd", "#969696", "#737373", "#525252", "#000000")
TENS = 8.0


def shade(number, name):
    """Of the runtimes' number so and so: white natively, black for yett, one of the greys for all others."""
    return {"native": 0, "yett": len(SHADES) - 1}.get(name, 1 + number % (len(SHADES) - 2))


def pieces(groups):
    """The groups shared out to plots that a page has room for."""
    found = [[]]
    for group in groups:
        if found[-1] and sum(len(bars) for _, bars in [*found[-1], group]) > BARS_A_PLOT:
            found.append([])
        found[-1].append(group)
    return found if groups else []


def nice_below(value):
    """The next of ..., 0.5, 1, 2, 5, 10, ... that is not above value."""
    decade = 10.0 ** math.floor(math.log10(value))
    return max(factor * decade for factor in (1, 2, 5) if factor * decade <= value * (1 + 1e-9))


def nice_above(value):
    decade = 10.0 ** math.floor(math.log10(value))
    return min(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= value * (1 - 1e-9))


class Axis:
    """Values to places; logarithmic when they are far apart. Bars begin at `origin`: 1 for ratios; without one, at
    the axis' begin."""

    def __init__(self, values, origin=None):
        low, high = min(values), max(values)
        self.logarithmic = high / low > TENS
        if self.logarithmic:
            self.low, self.high = math.log10(nice_below(low)), math.log10(nice_above(high))
        else:
            self.low, self.high = 0.0, high * 1.05
        begin = 10.0 ** self.low if self.logarithmic else 0.0
        self.origin = begin if origin is None else origin

    def place(self, value):
        at = math.log10(value) if self.logarithmic else value
        part = (at - self.low) / (self.high - self.low)
        return LEFT + min(max(part, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        if self.logarithmic:
            decades = range(math.floor(self.low), math.ceil(self.high) + 1)
            factors = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
            ticks = [factor * 10.0 ** each for each in decades for factor in factors]
            return [each for each in ticks if self.low - 1e-9 <= math.log10(each) <= self.high + 1e-9]
        step = 10 ** math.floor(math.log10(self.high))
        while self.high / step < 4:
            step /= 2
        return [each * step for each in range(int(self.high / step) + 1)]


def short(value):
    """Three digits, without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def line(x1, y1, x2, y2, more='stroke="#000"'):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {more}/>'


def grid(axis, bottom):
    for tick in axis.ticks():
        x = axis.place(tick)
        yield line(x, TOP, x, bottom, 'stroke="#aaa" stroke-dasharray="2,3"')
        yield text(x, bottom + 15, short(tick), "middle")


def bar(axis, y, shade, interval):
    """A bar to the median, whiskers to the ends of the interval."""
    begin, end = sorted((axis.place(axis.origin), axis.place(interval.median)))
    low, high, middle = axis.place(interval.low), axis.place(interval.high), y + ROW / 2
    yield (f'<rect x="{begin:.1f}" y="{y + 3:.1f}" width="{max(end - begin, 1):.1f}" height="{ROW - 6}" '
           f'fill="{shade}" stroke="#000"/>')
    yield line(low, middle, high, middle, 'stroke="#fff" stroke-width="4"')
    yield line(low, middle, high, middle, 'stroke="#000" stroke-width="1.5"')
    for x in (low, high):
        yield line(x, y + 5, x, y + ROW - 5, 'stroke="#000" stroke-width="1.5"')
    yield text(max(end, high) + 6, middle + 4, short(interval.median))


def page(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            'font-family="DejaVu Sans, sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
            + "\n".join(parts) + "</svg>\n")


def rows(groups):
    """(y, group's name or None, runtime, interval): groups are apart by half a row."""
    y = TOP
    for name, bars in groups:
        for number, (runtime, interval) in enumerate(bars):
            yield y, name if number == 0 else None, runtime, interval
            y += ROW
        y += ROW / 2


def draw(title, unit, groups, shades, origin=None):
    """An SVG of groups [(name, [(runtime, Interval)])]; `shades`: a number for each runtime."""
    placed = list(rows(groups))
    axis = Axis([end for *_, interval in placed for end in (interval.low, interval.median, interval.high)], origin)
    bottom = placed[-1][0] + ROW + 4
    scale = "logarithmic scale" if axis.logarithmic else "linear scale from 0"
    parts = [text(12, 24, title, more='font-size="16" font-weight="bold"'),
             text(12, 43, "bars: medians; whiskers: 95 % intervals; less is better"), *grid(axis, bottom),
             text((LEFT + WIDTH - RIGHT) / 2, bottom + 36, f"{unit}, {scale}", "middle")]
    for y, name, runtime, interval in placed:
        parts += bar(axis, y, SHADES[shades[runtime]], interval)
        parts.append(text(LEFT - 8, y + ROW / 2 + 4, runtime, "end"))
        if name is not None:
            parts.append(text(12, y + ROW / 2 + 4, name, more='font-weight="bold"'))
    parts.append(line(axis.place(axis.origin), TOP - 4, axis.place(axis.origin), bottom))
    return page(bottom + FOOT, parts)
