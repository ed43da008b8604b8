"""What every bundled scenario and 300 drawn ones give, as hashes: ``python tests/golden/pins.py`` writes them again.

A pin says that nothing has changed, not that it is right: oracles and laws say that.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from drawn import drawn

import simulator
from simulator import paths
from simulator.errors import OffloadSimError

PINS = Path(__file__).with_name("pins.json")
DRAWN = 300


def names() -> list[str]:
    """Every bundled scenario, then the numbers of the drawn ones."""
    return [*paths.names("scenario"), *map(str, range(DRAWN))]


def pin(name: str, engine: str) -> str:
    """Hash of every value of ``requests`` and ``summary``; what is refused has no values."""
    scenario: str | dict[str, Any] = drawn(int(name)) if name.isdigit() else name
    try:
        result = simulator.run(scenario, engine=engine)
    except OffloadSimError:
        return "refused"
    digest = hashlib.sha256()
    for table in (result.requests, result.summary):
        for column in table:
            digest.update(str(column).encode())
            digest.update(_bytes(table[column]))
    return digest.hexdigest()[:16]


def _bytes(column: pd.Series) -> bytes:
    """Numbers to their last bit; words and what is missing as text."""
    if column.dtype.kind in "iufb":
        return column.to_numpy().tobytes()
    return "\n".join(map(repr, column.astype(object).tolist())).encode()


def arithmetic() -> str:
    """Hash of the last bits of this machine: vectorised logarithms and matrix products differ between processors."""
    values = np.linspace(0.1, 9.7, 1001)
    square = np.outer(values, np.sqrt(values))
    results = (np.exp(values), np.log(values), np.log10(values), values**1.7, square @ square @ values, values.mean())
    return hashlib.sha256(b"".join(np.asarray(result).tobytes() for result in results)).hexdigest()[:16]


if __name__ == "__main__":
    pins = {name: pin(name, "auto") for name in names()}
    PINS.write_text(json.dumps({"arithmetic": arithmetic()} | pins, indent=0) + "\n")
