"""The unit table at the file boundary: "12 ms" becomes 0.012, and numbers become labels for tables and axes.

Inside the program every quantity is an SI float (seconds, bytes, bit/s, watts, joules, MAC/s); only files and
people see units. Signal levels are the exception: dBm and dB stay what they are. The table is closed: a unit that is
not listed is refused with the ones that would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType

from simulator.errors import Problem, UnitError

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 1024.0, "Mi": 1024.0**2, "Gi": 1024.0**3}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9}

#: dimension -> {unit: factor to SI}
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "time": {
            **{f"{prefix}s": factor for prefix, factor in _SMALL.items()},
            "min": 60.0,
            "h": 3600.0,
        },
        "size": {f"{p}B": f for p, f in (_DECIMAL | _BINARY).items()},
        "bit rate": {f"{p}bit/s": f for p, f in _DECIMAL.items()},
        "bandwidth": {f"{p}B/s": f for p, f in (_DECIMAL | _BINARY).items()},
        "power": {**{f"{p}W": f for p, f in _SMALL.items()}, "kW": 1e3},
        "energy": {**{f"{p}J": f for p, f in _SMALL.items()}, "kJ": 1e3, "Wh": 3600.0},
        "energy per bit": {"J/bit": 1.0, "nJ/bit": 1e-9, "uJ/bit": 1e-6, "mW/(Mbit/s)": 1e-9, "mJ/Mbit": 1e-9},
        "compute rate": {f"{p}MAC/s": f for p, f in _DECIMAL.items()},
        "frequency": {"/s": 1.0, "Hz": 1.0, "fps": 1.0, "/min": 1 / 60.0, "/h": 1 / 3600.0},
        "length": {"m": 1.0, "km": 1e3},
        "voltage": {"V": 1.0, "mV": 1e-3},
        # logarithmic: kept as they are written, never converted to watts or ratios
        "signal level": {"dBm": 1.0},
        "level difference": {"dB": 1.0},
    }
)

#: an example of each dimension, for error messages
EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "time": "12 ms",
        "size": "44.77 kB",
        "bit rate": "5.85 Mbit/s",
        "bandwidth": "4 GB/s",
        "power": "350 mW",
        "energy": "2.5 J",
        "energy per bit": "438.39 mW/(Mbit/s)",
        "compute rate": "4.8 GMAC/s",
        "frequency": "10 /s",
        "length": "1.5 km",
        "voltage": "3.3 V",
        "signal level": "14 dBm",
        "level difference": "6 dB",
    }
)

#: dimension -> smallest value above zero and largest value, in SI units, that anybody could mean; beyond, sums and axes
#: leave the range of double precision
SENSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "time": (1e-15, 1e12),
        "size": (1e-3, 1e18),
        "bit rate": (1e-6, 1e18),
        "bandwidth": (1e-6, 1e18),
        "power": (1e-15, 1e12),
        "energy": (1e-15, 1e15),
        "energy per bit": (1e-18, 1e6),
        "compute rate": (1e-6, 1e24),
        "frequency": (1e-12, 1e12),
        "length": (1e-6, 1e9),
        "voltage": (1e-9, 1e9),
        "signal level": (1e-9, 1e3),
        "level difference": (1e-9, 1e3),
    }
)

#: look-alikes that are refused, with what to write instead
_AMBIGUOUS: Mapping[str, str] = MappingProxyType(
    {
        "kbps": "kbit/s (or kB/s for bytes)",
        "Kbps": "kbit/s (or kB/s for bytes)",
        "mbps": "Mbit/s",
        "Mbps": "Mbit/s (or MB/s for bytes)",
        "Gbps": "Gbit/s",
        "bps": "bit/s",
        "kb": "kB (1000 bytes)",
        "KB": "kB (1000 bytes) or KiB (1024 bytes)",
        "Mb": "MB (bytes) or Mbit/s (a rate)",
        "kb/s": "kbit/s (or kB/s for bytes)",
        "Mb/s": "Mbit/s (or MB/s for bytes)",
        "Gb/s": "Gbit/s (or GB/s for bytes)",
        "MBps": "MB/s",
        "GBps": "GB/s",
        "MFLOPS": "MMAC/s (1 MAC = 2 FLOP)",
        "GFLOPS": "GMAC/s (1 MAC = 2 FLOP)",
        "GFLOP/s": "GMAC/s (1 MAC = 2 FLOP)",
        "TFLOPS": "TMAC/s (1 MAC = 2 FLOP)",
        "sec": "s",
        "seconds": "s",
        "msec": "ms",
    }
)

_QUANTITY = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(\S.*?)?\s*")

#: longest text that can be a quantity, and how much of a longer one an error message shows
_LONGEST = 64

#: enough digits that the product of a decimal number and a factor is rounded once, to the nearest float
_PRECISE = Context(prec=80)


def parse(text: object, dimension: str) -> float:
    """Turn ``"12 ms"`` into 0.012.

    Parameters
    ----------
    text : object
        What the file holds; anything but a string with a known unit is refused.
    dimension : str
        A key of `UNITS`.

    Returns
    -------
    float
        The float nearest to the quantity in SI units; finite, of either sign.

    Raises
    ------
    UnitError
        With the value shown and an example that would be right.
    """
    example = f'write a {dimension} with its unit, like "{EXAMPLES[dimension]}"'
    shown = _shown(text)
    if isinstance(text, int | float) and not isinstance(text, bool) and text == text and abs(text) != math.inf:
        raise UnitError(Problem(f"{shown} has no unit", example))
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST else None
    if match is None:
        raise UnitError(Problem(f"{shown} is not a {dimension}", example))
    number, unit = match.group(1), (match.group(2) or "").replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    if not unit:
        raise UnitError(Problem(f"{shown} has no unit", example))
    if unit not in UNITS[dimension]:
        raise UnitError(Problem(f'unit "{unit}" of {shown} is not a unit of {dimension}', _unit_hint(unit, dimension)))
    if float(number) == 0:
        return 0.0
    value = math.inf
    if math.isfinite(float(number)):
        value = float(_PRECISE.multiply(Decimal(number), Decimal(repr(UNITS[dimension][unit]))))
    if not math.isfinite(value):
        raise UnitError(Problem(f"{shown} is not a finite {dimension}", example))
    return value


def _shown(text: object) -> str:
    """The value for an error message: strings in double quotes, as they stand in a file, and nothing endless."""
    if isinstance(text, int) and not isinstance(text, bool) and text.bit_length() > 256:
        return "a number of more than 77 digits"
    shown = f'"{text}"' if isinstance(text, str) else repr(text)
    return shown if len(shown) <= _LONGEST + 2 else f"{shown[:_LONGEST]}..."


def _unit_hint(unit: str, dimension: str) -> str:
    """What to write instead of a unit that is not in the table of its dimension."""
    table = UNITS[dimension]
    if unit.startswith(","):
        return f'write decimals with a point, like "{EXAMPLES[dimension]}"'
    if unit in _AMBIGUOUS:
        return f"write {_AMBIGUOUS[unit]}"
    near = [known for known in table if known.lower() == unit.lower()]
    if near:
        return f"did you mean {near[0]}? Upper and lower case differ"
    return f"units of {dimension}: " + ", ".join(table)


#: dimension -> the unit that `exact` writes
SI_UNIT: Mapping[str, str] = MappingProxyType(
    {
        "time": "s",
        "size": "B",
        "bit rate": "bit/s",
        "bandwidth": "B/s",
        "power": "W",
        "energy": "J",
        "energy per bit": "J/bit",
        "compute rate": "MAC/s",
        "frequency": "/s",
        "length": "m",
        "voltage": "V",
        "signal level": "dBm",
        "level difference": "dB",
    }
)


def exact(value: float, dimension: str) -> str:
    """A string that `parse` turns back into exactly ``value``, for files that a program writes."""
    return f"{float(value)!r} {SI_UNIT[dimension]}".replace(".0 ", " ")


_LADDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "time": ("ns", "us", "ms", "s", "min", "h"),
        "size": ("B", "kB", "MB", "GB", "TB"),
        "bit rate": ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"),
        "bandwidth": ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"),
        "power": ("uW", "mW", "W", "kW"),
        "energy": ("uJ", "mJ", "J", "kJ"),
        "energy per bit": ("nJ/bit",),
        "compute rate": ("MAC/s", "kMAC/s", "MMAC/s", "GMAC/s", "TMAC/s"),
        "frequency": ("/s",),
        "length": ("m", "km"),
        "voltage": ("mV", "V"),
        "signal level": ("dBm",),
        "level difference": ("dB",),
    }
)


#: units that people read only from this many SI units on
_FROM: Mapping[str, float] = MappingProxyType({"min": 600.0, "h": 7200.0})


def human(value: float, dimension: str, digits: int = 3) -> str:
    """A short text for people, ``human(0.0123, "time") == "12.3 ms"``; ``-`` for a missing value."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    ladder = _LADDER[dimension]
    table = UNITS[dimension]
    chosen = ladder[0]
    for unit in ladder:
        if abs(value) >= _FROM.get(unit, table[unit]) * (1 - 0.5 * 10.0**-digits):
            chosen = unit
    if value == 0:
        chosen = SI_UNIT[dimension]
    scaled = value / table[chosen]
    exponent = int(f"{scaled:.{digits - 1}e}".partition("e")[2])  # after rounding: 9.999 counts as 10.0
    decimals = 0 if scaled == 0 else max(0, digits - 1 - exponent)
    return f"{scaled:.{decimals}f} {chosen}"
