"""Types of data that pass between modules: arrays by what they hold, and one line of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: one line of a table (of summary.csv, differences.csv, a sweep): column -> value
Row = Mapping[str, Any]
