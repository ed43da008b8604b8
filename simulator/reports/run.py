"""What a run prints: one table of policies, what it means in a sentence, and the files that were written.

The best value of each column is bold and carries an asterisk, which survives without colour. Of a mean, all that cannot
be told from the best carry it, and none if that is all; policies that cannot be compared (`comparability`) never do.
Works at 80 columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator import units
from simulator.arrays import Row
from simulator.inference.comparability import FREE, Compared, reasons_by_metric
from simulator.inference.comparison import ALL_GROUPS, is_tie
from simulator.inference.metrics import COUNT, LESS, MEANS, MORE, PRINTED, Metric
from simulator.inference.reservations import BOUND_OF, is_bound
from simulator.reports.airtime import cell_sentences, frame_sentences
from simulator.reports.bound import bound_sentences
from simulator.reports.recordings import recording_sentences
from simulator.studies.result import Result

_MARK = "*"
#: before a half-width that is only a lower bound
_AT_LEAST = "≥"
#: values of a column that differ by more than this each show with their own unit
_WORLDS_APART = 1e4


@dataclass(frozen=True)
class _Column:
    """One column: where its numbers come from, how they look, which is best (``min``, ``max`` or None)."""

    key: str
    title: str
    text: Callable[[Row], str]
    best: Callable[[Sequence[float]], float] | None = min


def render(result: Result) -> RenderableType:
    """The report of a result.

    Parameters
    ----------
    result : Result
        Of a run, or read back from its folder; files are listed if it has one.

    Returns
    -------
    rich renderable
        For ``rich.console.Console.print``.
    """
    parts: list[RenderableType] = [_table(result, rows, group) for group, rows in _by_group(result)]
    if legend := _legend(result):
        parts.append(Text(legend, style="dim"))
    parts += [Text(sentence) for sentence in sentences(result)]
    parts += [Text(f"Caution: {caution}", style="yellow") for caution in result.manifest.get("cautions", ())]
    if result.directory is not None:
        parts.append(_files(result))
    return Group(*_spaced(parts))


def sentences(result: Result) -> list[str]:
    """Who cannot be compared and why; who wins on mean latency, and on energy where another policy leads there."""
    said = _not_compared(result)
    latency = _verdict(result, "latency_mean_s")
    is_fleet = any("group" in row for row in result.summary_rows)
    if latency is not None:
        said.append(_scoped(latency.sentence, is_fleet))
    energy = _verdict(result, "energy_mean_j")
    if energy is not None and energy.is_clear and (latency is None or energy.best != latency.best):
        said.append(_scoped(energy.sentence, is_fleet))
    if any(row["dropped"] + row["censored"] for row in result.summary_rows):
        said.append("Latency is that of completed requests only; see the columns of dropped and censored ones.")
    said += bound_sentences(result)
    said += _left_out(result)
    return said + frame_sentences(result) + cell_sentences(result) + recording_sentences(result)


def _left_out(result: Result) -> list[str]:
    """How many requests came after a device had run out of its own."""
    late = result.manifest.get("left_out", {}).get("cool_down", 0)
    if not late:
        return []
    what = "1 request that arrives" if late == 1 else f"{late} requests that arrive"
    verb = "is" if late == 1 else "are"
    return [f"{what} after the first device has issued its last {verb} left out of all means, as in a warm-up."]


def _scoped(sentence: str, is_fleet: bool) -> str:
    """The sentence, said of all groups of a fleet; names of policies keep their capitals."""
    if not is_fleet:
        return sentence
    own = sentence.startswith(("No clear", "Lowest"))
    return "Over all groups, " + (sentence[0].lower() + sentence[1:] if own else sentence)


def _not_compared(result: Result) -> list[str]:
    """One sentence for each reason that keeps policies out of the comparison."""
    reasons = reasons_by_metric(result.scenario, result.summary_rows)
    policies = dict.fromkeys(row["policy"] for row in result.summary_rows)
    if len(policies) < 2:
        own = dict.fromkeys(row["condition"] for row in result.summary_rows if row["condition"])
        return [f"{_and(list(policies))} has {reason}." for reason in own]
    by_reason: dict[str, list[str]] = {}
    for policy in policies:
        reason = reasons.get(Compared("latency_mean_s", policy, ""))
        if reason:
            by_reason.setdefault(reason, []).append(policy)
    said = [f"{_and(names)} {_be(names)} not compared ({reason})." for reason, names in by_reason.items()]
    free = next((reason for reason in reasons.values() if reason.startswith(FREE)), "")
    return [*said, f"Mean energy is not compared: {free}. Write one, such as radio: wifi."] if free else said


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


@dataclass(frozen=True)
class _Verdict:
    best: str
    is_clear: bool
    sentence: str


def _verdict(result: Result, metric: str) -> _Verdict | None:
    rows = _compared(result, metric, ALL_GROUPS)
    if not rows:
        return None
    dimension, word = MEANS[metric].unit, f"mean {MEANS[metric].key}"
    best, mean = rows[0]["best"], units.human(rows[0]["best_mean"], dimension)
    tied = [row["policy"] for row in rows if is_tie(row)]
    behind = [row for row in rows if not is_tie(row)]
    leaders = _and([best, *tied])
    if not behind:
        return _Verdict(best, False, f"{leaders} are equal on {word}: {mean}.")
    share = 100 * behind[0]["difference"] / behind[0]["mean"]
    gap = f"{units.human(behind[0]['difference'], dimension)} ({share:.{2 if share < 99.5 else 3}g} %)"
    other = behind[0]["policy"]
    if all(row["separated"] and math.isnan(row["difference_ci95"]) for row in behind):
        verb = "win" if tied else "wins"
        sentence = f"{leaders} {verb} on {word}: {mean}, {gap} below {other}, the next best, in every single request."
        return _Verdict(best, True, sentence)
    if math.isnan(behind[0]["difference_ci95"]):
        sentence = f"Lowest {word}: {leaders}, {mean}, {gap} below {other}; without an interval no winner is named."
        return _Verdict(best, False, sentence)
    half_width = units.human(behind[0]["difference_ci95"], dimension)
    bound = f"{_AT_LEAST} " if behind[0]["caution"] else ""
    interval = f"95 % interval of the difference: ± {bound}{half_width}, from {behind[0]['interval_from']}"
    unclear = [row["policy"] for row in behind if not row["separated"]]
    verb = "win" if tied else "wins"
    if not unclear:
        sentence = f"{leaders} {verb} on {word}: {mean}, {gap} below {other}, the next best ({interval})."
        return _Verdict(best, True, sentence)
    if behind[0]["separated"]:
        sentence = f"No clear winner on {word}: {leaders} ({mean}) cannot be told from {_and(unclear)}."
    else:
        sentence = (
            f"No clear winner on {word}: {leaders}, {mean}, {gap} below {other}, is within the interval ({interval})."
        )
    return _Verdict(best, False, sentence)


def _compared(result: Result, metric: str, group: str) -> list[Row]:
    """Differences between policies that can be compared."""
    rows = [row for row in result.difference_rows if row["metric"] == metric and row["group"] == group]
    return [row for row in rows if not row["condition"]]


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _by_group(result: Result) -> Iterator[tuple[str, list[Row]]]:
    for group in dict.fromkeys(row.get("group", "") for row in result.summary_rows):
        yield group, [row for row in result.summary_rows if row.get("group", "") == group]


def _table(result: Result, rows: Sequence[Row], group: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=f"group {group}" if group else None)
    table.title_justify = "left"
    table.add_column("policy", overflow="fold", min_width=8)
    columns = _columns(rows)
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    marked = {column.key: _marked(result, column, rows, group) for column in columns}
    for row in rows:
        cells = []
        for column in columns:
            wins = row["policy"] in marked[column.key]
            cells.append(Text(column.text(row) + (_MARK if wins else " "), style="bold green" if wins else ""))
        table.add_row(row["policy"], *cells)
    return table


def _legend(result: Result) -> str:
    """What the signs of the tables mean, those that occur."""
    has_marks = any(
        _marked(result, column, rows, group) for group, rows in _by_group(result) for column in _columns(rows)
    )
    has_intervals = any(not math.isnan(row[mean.interval]) for row in result.summary_rows for mean in MEANS.values())
    has_bounds = any(is_bound(row, interval) for row in result.summary_rows for interval in BOUND_OF)
    signs = [
        f"{_MARK} best of its column (of means, all that cannot be told from it)" if has_marks else "",
        "± half-width of the 95 % interval" if has_intervals else "",
        f"± {_AT_LEAST} at least that wide: see the caution" if has_bounds else "",
    ]
    return "; ".join(filter(None, signs))


def _columns(rows: Sequence[Row]) -> list[_Column]:
    """Of the metrics that are printed, those that have something to show."""
    columns = []
    for metric in PRINTED:
        values = [row[metric.name] for row in rows]
        if metric.unit == COUNT:
            if any(values):
                columns.append(_Column(metric.name, f"{_heading(metric)}\nrequests ", _count(metric.name), None))
        elif not all(map(math.isnan, values)):
            columns.append(_quantity(metric, rows) if metric.is_quantity else _share(metric))
    return columns


def _heading(metric: Metric) -> str:
    return metric.heading or metric.title.lower()


def _quantity(metric: Metric, rows: Sequence[Row]) -> _Column:
    key, dimension, interval = metric.name, metric.unit, metric.interval
    values = [row[key] for row in rows if row[key] > 0 and math.isfinite(row[key])]
    unit_of = {value: _unit(value, dimension) for value in values}
    # one unit for the column, that of the smallest value so that none shows as 0.00, unless they are worlds apart
    shared = _unit(min(values, default=0.0), dimension)
    apart = max(values, default=0.0) > _WORLDS_APART * min(values, default=0.0)

    def text(row: Row) -> str:
        unit = unit_of.get(row[key], shared) if apart else shared
        factor = units.UNITS[dimension][unit]
        width = row[interval] / factor if interval else math.nan
        number = with_interval(row[key] / factor, width, is_bound(row, interval))
        return f"{number} {unit}" if apart else number

    return _Column(key, f"{_heading(metric)}\n{'' if apart else shared} ", text, _best(metric))


def _share(metric: Metric) -> _Column:
    heading = _heading(metric)
    unit = f"{heading} % " if "\n" in heading else f"{heading}\n% "
    return _Column(metric.name, unit, lambda row: _percent(row[metric.name]), _best(metric))


def _best(metric: Metric) -> Callable[[Sequence[float]], float] | None:
    return {LESS: min, MORE: max, "": None}[metric.better]


def _count(key: str) -> Callable[[Row], str]:
    return lambda row: str(row[key])


def _marked(result: Result, column: _Column, rows: Sequence[Row], group: str) -> set[str]:
    """Policies whose value is the best of a column, or cannot be told from it; none where that is all of them."""
    if column.key in MEANS:
        compared = _compared(result, column.key, group or ALL_GROUPS)
        leaders = {row["policy"] for row in compared if not row["separated"]} | {row["best"] for row in compared}
        return leaders if any(row["separated"] for row in compared) else set()
    values = {row["policy"]: row[column.key] for row in rows if not row["condition"]}
    values = {policy: value for policy, value in values.items() if not math.isnan(value)}
    if column.best is None or len(set(values.values())) < 2:
        return set()
    best = column.best(list(values.values()))
    return {policy for policy, value in values.items() if value == best}


def with_interval(mean: float, half_width: float, is_at_least: bool = False) -> str:
    """``"182.3 ± 1.2"``: as many digits as the interval supports, four without one; ``± ≥`` of a lower bound.

    Examples
    --------
    >>> with_interval(182.3456, 1.234)
    '182.3 ± 1.2'
    >>> with_interval(0.0123456, float("nan"))
    '0.01235'
    """
    if math.isnan(mean):
        return "-"
    if math.isnan(half_width):
        return f"{mean:.{_decimals(mean, 4)}f}"
    decimals = min(_decimals(half_width, 2), _decimals(mean, 5))
    shown = f"{half_width:.{decimals}f}"
    if float(shown) == 0.0:
        shown = f"<{10.0**-decimals:.{decimals}f}"
    return f"{mean:.{decimals}f} ± {_AT_LEAST if is_at_least else ''}{shown}"


def _decimals(value: float, digits: int) -> int:
    return 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _unit(value: float, dimension: str) -> str:
    """The unit in which people read a value."""
    return units.human(value, dimension).rsplit(" ", 1)[1]


def _files(result: Result) -> Text:
    folder = result.directory
    if folder is None:
        return Text("")
    names = ["summary.csv", "differences.csv", "requests.parquet", "manifest.json"]
    figures = sorted(path.name for path in (folder / "figures").glob("*") if path.suffix in (".svg", ".pdf", ".png"))
    lines = [f"Written to {folder}/: " + ", ".join(names)]
    if figures:
        lines.append(f"Figures in {folder}/figures/: " + ", ".join(figures))
    return Text("\n".join(lines))


def _spaced(parts: Sequence[RenderableType]) -> Iterator[RenderableType]:
    """Tables bring their own space; a blank line goes between the other parts."""
    for number, part in enumerate(parts):
        if number and isinstance(parts[number - 1], Text) and not isinstance(part, Table):
            yield Text("")
        yield part
