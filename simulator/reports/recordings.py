"""How much of each recording a run has seen, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from simulator import units
from simulator.studies.result import Result


def recording_sentences(result: Result) -> list[str]:
    """What one replication saw of each recording, or all replications where they begin at the same instant."""
    several = len({row["group"] for row in result.manifest.get("recordings", ())}) > 1
    return list(dict.fromkeys(_sentences(result, several)))


def _sentences(result: Result, several: bool) -> Iterator[str]:
    replications = result.scenario.get("statistics", {}).get("replications", 1)
    for row in result.manifest.get("recordings", ()):
        if replications > 1 and "start" not in row:
            continue
        who = "The one replication" if replications == 1 else "Every replication"
        where = f", group {row['group']}," if several else ""
        text = f"{who}{where} saw {_part(row['seen_share'])} of the recording {row['recording']}"
        if row["seen_share"] < 1:
            text += f" ({units.human(row['lasts_s'], 'time')})"
            if "start" in row:
                text += f", from {row['start']} on: without a start each replication begins elsewhere"
            else:
                text += ": use replications, which begin elsewhere"
        yield f"{text}."


def _part(share: float) -> str:
    if share == 1:
        return "all"
    return f"{100 * share:.2g} %" if share >= 0.01 else "less than 1 %"
