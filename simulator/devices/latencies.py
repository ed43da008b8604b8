"""Published whole-model latencies, one inference at a time: what cards are calibrated to and tested against.

``profiles/devices/published_latencies.csv`` names for each row the card, our profile of the model, how the model was
published, how well both match, and the source. Rows that say something else than the profile would (another network
under the same name, a known outlier) stay in the file with the reason in column ``excluded``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from simulator import paths
from simulator.errors import CardError, Problem

#: name of the table below the folder of the device cards
FILE = "published_latencies.csv"


@dataclass(frozen=True)
class Latency:
    """One published latency.

    Attributes
    ----------
    card, model : str
        Names of the device card and of the model profile.
    latency_s : float
        Time of one inference, batch of one.
    published_as, mapping, source : str
        Name and settings in the source, how well the profile matches it, and the source.
    excluded : str
        Why the row takes no part; empty if it does.
    """

    card: str
    model: str
    latency_s: float
    published_as: str
    mapping: str
    source: str
    excluded: str


def read_latencies(path: Path | None = None) -> list[Latency]:
    """All rows of the table, excluded ones too.

    Raises
    ------
    CardError
        Listing every row whose latency is not a positive number or that lacks a card, model or source.
    """
    path = path or paths.folder("device") / FILE
    rows: list[Latency] = []
    problems: list[Problem] = []
    with path.open(newline="", encoding="utf-8") as stream:
        for line, row in enumerate(csv.DictReader(stream), start=2):
            try:
                latency_s = float(row["latency_ms"]) * 1e-3
            except ValueError:
                latency_s = -1.0
            if not 0.0 < latency_s < float("inf"):
                message = f'latency_ms "{row["latency_ms"]}" is not a positive number'
                problems.append(Problem(message, "write milliseconds, like 61.9", (), str(path), line, 1))
            missing = [column for column in ("card", "model", "source") if not row[column]]
            problems += [Problem(f"{column} is empty", "", (), str(path), line, 1) for column in missing]
            rows.append(
                Latency(
                    row["card"],
                    row["model"],
                    latency_s,
                    row["published_as"],
                    row["mapping"],
                    row["source"],
                    row["excluded"],
                )
            )
    if problems:
        raise CardError(problems)
    return rows
