"""Policies that ended by an error while they decided: they keep their place in the summary, without numbers.

The other policies of the run are sound, and are compared as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.arrays import Row

#: how the condition of such a policy begins
ENDED = "ended by an error"


def ended_rows(rows: Sequence[Row], ended: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows for policies that ended, with the columns of the others: no request counts, nothing else is known.

    Parameters
    ----------
    rows : sequence of dict
        Of the summary; at least one.
    ended : mapping of str to str
        Why each policy ended.
    """
    blank = {column: _nothing(value) for column, value in rows[0].items()}
    groups = dict.fromkeys(row.get("group", "") for row in rows)
    return [
        blank | {"policy": policy, "condition": reason} | ({"group": group} if "group" in blank else {})
        for policy, reason in ended.items()
        for group in groups
    ]


def _nothing(value: Any) -> str | bool | int | float:
    if isinstance(value, str):
        return ""
    if isinstance(value, bool):
        return False
    return 0 if isinstance(value, int) else float("nan")


def ended_sentences(rows: Iterable[Row]) -> list[str]:
    """A caution for each policy that ended, with the first of its reasons and, in a sweep, at how many points."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if (row.get("condition") or "").startswith(ENDED):
            found.setdefault(row["policy"], {}).setdefault(row.get("point", ""), row["condition"])
    said = []
    for policy, reasons in found.items():
        first = next(iter(reasons.values()))
        where = f" at {len(reasons)} points, first" if len(reasons) > 1 else ""
        reason = first.removeprefix(f"{ENDED}: ")
        said.append(f"{policy} {ENDED}{where}: {reason}; it has no numbers there, and figures leave it out")
    return said
