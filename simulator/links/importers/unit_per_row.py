"""Two columns, value and unit: ``14.4,Mbits/sec``; one row is one second.

Source: L. Mei et al., PAM 2019 (repository NYU-METS/Main). The unit changes from row to row. The file has no clock and
does not say the direction.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, share_of_lines
from simulator.links.importers.model import Finding, ImportedTrace
from simulator.links.importers.rows import check_rates, numbers, regular
from simulator.links.importers.source import Source

_ROW = re.compile(r"(?P<value>[-+0-9.eEnaif]+)\s*[,;\t ]\s*(?P<unit>[KMG]?bits/sec)")
_FACTORS = {"bits/sec": 1.0, "Kbits/sec": 1e3, "Mbits/sec": 1e6, "Gbits/sec": 1e9}
_STEP_S = 1.0


def _fit(source: Source) -> float:
    share = share_of_lines(_ROW, source.head)
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    rows, lines = [], []
    for number, line in source.lines:
        row = _ROW.fullmatch(line.strip())
        if row is None:
            hint = f"a row is a number and one of {', '.join(_FACTORS)}"
            source.fail(f'"{line.strip()[:60]}" is not a rate with its unit', hint, number)
        rows.append(row)
        lines.append(number)
    factors = np.array([_FACTORS[row["unit"]] for row in rows])
    rates = numbers([row["value"] for row in rows], lines, source) * factors
    check_rates(rates, lines, source)
    units = Counter(row["unit"] for row in rows)
    findings = []
    if len(units) > 1:
        usual, _ = units.most_common(1)[0]
        others = ", ".join(f"{count} in {unit}" for unit, count in units.items() if unit != usual)
        changed = len(rows) - units[usual]
        findings.append(
            Finding("changed", changed, f"rows: {others}, not in {usual} as the others; each by its own unit")
        )
    return ImportedTrace(source.file, "unit-per-row", regular(rates, _STEP_S), findings=tuple(findings))


FORMAT = Format("unit-per-row", "a rate and its unit in each row: 14.4,Mbits/sec", _fit, _read)
