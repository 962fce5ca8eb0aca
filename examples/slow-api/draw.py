"""Draws what a client did as text: a row per request, time from left to right.

      1  ==####################                        1.02 s
      2                        ==####################  2.04 s

`=` sent and waiting for the server, `#` a worker of the server sleeps for us.
"""

from dataclasses import dataclass

LEGEND = "= sent and waiting   # a worker of the server sleeps for us"
COLUMNS = 60


@dataclass(frozen=True)
class Row:
    """One request, in seconds since the client was started."""

    start: float    # sent
    started: float  # the server began with it
    end: float      # answered


def picture(rows, span_s, columns=COLUMNS):
    """The lines of a picture whose right edge is span_s."""
    lines = []
    for number, row in enumerate(sorted(rows, key=lambda row: (row.start, row.end)), 1):
        lines.append(f"  {number:>3}  {bar(row, span_s, columns):<{columns}} {row.end:6.2f} s")
    return lines + [axis(span_s, columns)]


def bar(row, span_s, columns):
    """Every part that exists has at least one column, so that a short wait is still seen."""
    def at(seconds):
        return min(columns, max(0, round(seconds / span_s * columns)))

    start = min(at(row.start), columns - 2)
    begin = max(at(row.started), start + 1)
    end = max(at(row.end), begin + 1)
    return (" " * start + "=" * (begin - start) + "#" * (end - begin))[:columns]


def axis(span_s, columns):
    """A scale below the picture, a mark at every full second."""
    marks = [" "] * (columns + 8)
    for second in range(int(span_s) + 1):
        at = round(second / span_s * columns)
        label = f"|{second} s"
        marks[at:at + len(label)] = label
    return ("       " + "".join(marks)).rstrip()
