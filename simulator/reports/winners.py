"""The sentence at the end of a sweep over one axis of numbers: who wins from where to where."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simulator.inference.saturation import NO_STEADY_STATE
from simulator.studies.crossovers import OBJECTIVE, Crossover, Line, Stretch
from simulator.units import UNITS, human

#: digits of a value on the axis
_DIGITS = 3
#: values that a sentence lists one by one
_LISTED = 4


def sentences(line: Line) -> list[str]:
    """Who wins where along an axis, and at which of its points nobody is named."""
    about = f"Mean {OBJECTIVE} over {line.axis.words}"
    cells = [float(str(cell)) for cell in line.axis.cells]
    if not line.stretches:
        span = _range(line, cells[0], cells[-1])
        return [f"{about}: at none of {len(cells)} points from {span} is there a winner, mostly because {line.reason}."]
    if len(line.stretches) == 1:
        [alone] = line.stretches
        every = "" if line.doubtful else "at every value "
        said = f"{_name(line, alone)} wins {every}from {_range(line, alone.first, alone.last)}"
    elif line.crossovers:
        said = _crossed(line)
    else:
        said = f"{_of_grid(line)}; --crossovers finds where between these values"
    lines = [f"{about}: {said}."]
    if nobody := next((stretch for stretch in line.stretches if not stretch.policy), None):
        is_unstable = NO_STEADY_STATE in nobody.reason
        lines.append("Nobody: no policy has a steady state." if is_unstable else f"Nobody: {nobody.reason}.")
    if line.doubtful:
        count = f"At {len(line.doubtful)} of {len(cells)} points ({_listed(line, line.doubtful)})"
        lines.append(f"{count} no winner is named, mostly because {line.reason}.")
    return lines


def _crossed(line: Line) -> str:
    stretches, crossovers = line.stretches, line.crossovers
    names = [_name(line, stretch) for stretch in stretches]
    # beyond the last point of a winner there may be points where nobody is named
    beyond = bool(line.doubtful) and line.doubtful[-1] > stretches[-1].last
    before = bool(line.doubtful) and line.doubtful[0] < stretches[0].first
    above = f"{names[-1]} above" + (f" up to {_value(line, stretches[-1].last)}" if beyond else "")
    down_to = f" down to {_value(line, stretches[0].first)}" if before else ""
    if len(stretches) == 3:
        span = _range(line, crossovers[0].at, crossovers[1].at)
        return f"{names[1]} wins from {span}{_intervals(line, crossovers)}, {above}, {names[0]} below{down_to}"
    said = [f"{names[0]} wins below {_value(line, crossovers[0].at)}{_intervals(line, crossovers[:1])}{down_to}"]
    for name, crossover in zip(names[1:-1], crossovers[1:], strict=True):
        said.append(f"{name} from there to {_value(line, crossover.at)}{_intervals(line, [crossover])}")
    return ", ".join([*said, above])


def _of_grid(line: Line) -> str:
    """The points of the grid between which the winner changes."""
    wins = ["wins ", *[""] * (len(line.stretches) - 1)]
    return ", ".join(
        f"{_name(line, one)} {verb}from {_range(line, one.first, one.last)}"
        for verb, one in zip(wins, line.stretches, strict=True)
    )


def _name(line: Line, stretch: Stretch) -> str:
    """A policy, with the cuts that it takes where these change along the axis."""
    if stretch.policy in line.varying:
        return f"{stretch.policy} (at {', then '.join(stretch.partitions)})"
    return stretch.policy or "nobody"


def _intervals(line: Line, crossovers: Sequence[Crossover]) -> str:
    """The 95 % intervals; nothing where chance has no part in any of them."""
    shown = []
    for crossover in crossovers:
        factor = _unit(line, crossover.at)[0]
        ends = [_digits(end, factor, line) for end in (crossover.low, crossover.high)]
        shown.append(" to ".join(ends) if ends[0] != ends[1] else "")
    if not any(shown):
        return ""
    return f" (95 %: {' and '.join(text or 'exactly' for text in shown)})"


def _range(line: Line, low: float, high: float) -> str:
    """``0.93 to 5.3 Mbit/s``, with one unit where both ends have the same; one value where they are equal."""
    if low == high:
        return _value(line, low)
    one, other = _unit(line, low), _unit(line, high)
    end = f"{_digits(high, other[0], line)} {other[1]}".strip()
    start = _digits(low, one[0], line) if one == other else f"{_digits(low, one[0], line)} {one[1]}".strip()
    return f"{start} to {end}"


def _listed(line: Line, values: Sequence[float]) -> str:
    """A few values one by one, of many the range that they lie in."""
    if len(values) > _LISTED:
        return f"between {_value(line, values[0])} and {_value(line, values[-1])}"
    return ", ".join(_value(line, value) for value in values)


def _value(line: Line, value: float) -> str:
    factor, unit = _unit(line, value)
    return f"{_digits(value, factor, line)} {unit}".strip()


def _unit(line: Line, value: float) -> tuple[float, str]:
    if not line.axis.dimension:
        return 1.0, ""
    unit = human(value, line.axis.dimension).rsplit(" ", 1)[1]
    return UNITS[line.axis.dimension][unit], unit


def _digits(value: float, factor: float, line: Line) -> str:
    scaled = value / factor
    if scaled == 0 or all(isinstance(cell, int) for cell in line.axis.cells):
        return f"{scaled:.0f}"
    text = f"{scaled:.{max(0, _DIGITS - 1 - math.floor(math.log10(abs(scaled))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
