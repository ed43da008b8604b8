"""The unit table: strings with units in, SI floats out, and back without loss."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import UnitError
from simulator.units import EXAMPLES, SI_UNIT, UNITS, exact, human, parse

FINITE = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


@given(value=FINITE, dimension=st.sampled_from(sorted(UNITS)))
def test_what_exact_writes_parse_reads_back_bit_for_bit(value: float, dimension: str) -> None:
    """parse(exact(x)) == x for every finite x >= 0 in every dimension."""
    assert parse(exact(value, dimension), dimension) == value


@given(
    digits=st.integers(0, 10**12),
    shift=st.integers(-6, 6),
    pair=st.sampled_from([("ms", -3), ("us", -6), ("s", 0), ("ns", -9)]),
)
def test_decimal_prefixes_are_rounded_once(digits: int, shift: int, pair: tuple[str, int]) -> None:
    """The result is the float nearest to the exact decimal product, not the product of two rounded floats."""
    unit, power = pair
    expected = Fraction(digits) * Fraction(10) ** (shift + power)
    assert parse(f"{digits}e{shift} {unit}", "time") == float(expected)


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("12 ms", "time", 0.012),
        ("1.1 ms", "time", 0.0011),
        ("2 min", "time", 120.0),
        ("3 us", "time", 3e-6),
        ("3 \N{MICRO SIGN}s", "time", 3e-6),
        ("3 \N{GREEK SMALL LETTER MU}s", "time", 3e-6),
        ("  7s ", "time", 7.0),
        ("44.77 kB", "size", 44770.0),
        ("1 KiB", "size", 1024.0),
        ("5.85 Mbit/s", "bit rate", 5.85e6),
        ("4 GB/s", "bandwidth", 4e9),
        ("350 mW", "power", 0.35),
        ("1 Wh", "energy", 3600.0),
        ("438.39 mW/(Mbit/s)", "energy per bit", 438.39e-9),
        ("4.8 GMAC/s", "compute rate", 4.8e9),
        ("30 fps", "frequency", 30.0),
        ("60 /min", "frequency", 1.0),
        ("-1 s", "time", -1.0),
        ("1.5 km", "length", 1500.0),
        ("3300 mV", "voltage", 3.3),
        ("-120 dBm", "signal level", -120.0),
        ("6 dB", "level difference", 6.0),
    ],
)
def test_quantities_mean_what_the_si_brochure_says(text: str, dimension: str, expected: float) -> None:
    """Prefixes are powers of ten, but for Ki, Mi, Gi; a watt-hour is 3600 joules."""
    assert parse(text, dimension) == expected


@pytest.mark.parametrize("dimension", sorted(UNITS))
def test_every_dimension_has_an_example_and_a_unit_of_factor_one(dimension: str) -> None:
    """The example is itself readable; what `exact` writes needs no conversion."""
    assert parse(EXAMPLES[dimension], dimension) > 0
    assert UNITS[dimension][SI_UNIT[dimension]] == 1.0


@pytest.mark.parametrize(
    ("text", "dimension", "message", "hint"),
    [
        (12, "time", "12 has no unit", '"12 ms"'),
        ("12", "time", '"12" has no unit', '"12 ms"'),
        (math.nan, "time", "nan is not a time", '"12 ms"'),
        ("nan s", "time", '"nan s" is not a time', '"12 ms"'),
        ("inf s", "time", '"inf s" is not a time', '"12 ms"'),
        ("1e400 s", "time", "not a finite time", '"12 ms"'),
        ("9e307 Tbit/s", "bit rate", "not a finite bit rate", '"5.85 Mbit/s"'),
        (True, "time", "True is not a time", '"12 ms"'),
        (None, "time", "None is not a time", '"12 ms"'),
        ([1], "time", "[1] is not a time", '"12 ms"'),
        ("", "time", '"" is not a time', '"12 ms"'),
        ("3 kbps", "bit rate", 'unit "kbps"', "kbit/s (or kB/s for bytes)"),
        ("3 Mb", "size", 'unit "Mb"', "MB (bytes)"),
        ("3 GFLOPS", "compute rate", 'unit "GFLOPS"', "1 MAC = 2 FLOP"),
        ("3 MS", "time", 'unit "MS"', "did you mean ms?"),
        ("14 dbm", "signal level", 'unit "dbm"', "did you mean dBm?"),
        ("14 dB", "signal level", 'unit "dB" of "14 dB" is not a unit of signal level', "dBm"),
        ("3 W", "time", 'unit "W" of "3 W" is not a unit of time', "units of time: s, ms"),
        ("1,5 s", "time", 'unit ",5 s"', "decimals with a point"),
        pytest.param("9" * 5000 + " s", "time", "is not a time", '"12 ms"', id="5000 digits"),
        pytest.param(10**5000, "time", "more than 77 digits has no unit", '"12 ms"', id="10**5000"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_would_be_right(
    text: object, dimension: str, message: str, hint: str
) -> None:
    """The value is shown, shortened if endless, and the hint says what to write."""
    with pytest.raises(UnitError) as caught:
        parse(text, dimension)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert len(problem.message) < 200


@given(text=st.text(max_size=40), dimension=st.sampled_from(sorted(UNITS)))
def test_any_text_is_either_finite_or_refused(text: str, dimension: str) -> None:
    """No input gets through as nan or infinity, or ends in another exception."""
    try:
        value = parse(text, dimension)
    except UnitError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize(
    ("value", "dimension", "expected"),
    [
        (0.0123, "time", "12.3 ms"),
        (0.9999, "time", "1.00 s"),
        (0.0, "time", "0 s"),
        (44770.0, "size", "44.8 kB"),
        (5.85e6, "bit rate", "5.85 Mbit/s"),
        (math.nan, "time", "-"),
        (-0.002, "time", "-2.00 ms"),
        (-120.0, "signal level", "-120 dBm"),
        (1500.0, "length", "1.50 km"),
    ],
)
def test_people_get_three_digits_and_a_fitting_prefix(value: float, dimension: str, expected: str) -> None:
    """`human` rounds to three significant digits and moves to the next prefix when rounding reaches it."""
    assert human(value, dimension) == expected
