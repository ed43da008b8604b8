"""Nothing changed unnoticed: bundled and drawn scenarios give the values that were pinned, to the last bit."""

from __future__ import annotations

import json

import pytest
from pins import DRAWN, PINS, arithmetic, names, pin

PINNED = json.loads(PINS.read_text())
pytestmark = [
    pytest.mark.engine_free,  # each engine is named
    pytest.mark.skipif(PINNED.pop("arithmetic") != arithmetic(), reason="pinned on a machine with other last bits"),
]
#: drawn scenarios in one test, so that a change shows where it is
_BLOCK = 25


def test_every_scenario_has_a_pin() -> None:
    """A new bundled scenario is pinned by `python tests/golden/pins.py`."""
    assert list(PINNED) == names()


@pytest.mark.parametrize("name", [name for name in names() if not name.isdigit()])
def test_a_bundled_scenario_gives_what_it_gave(name: str) -> None:
    assert pin(name, "auto") == PINNED[name]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("first", range(0, DRAWN, _BLOCK))
def test_drawn_scenarios_give_what_they_gave(first: int, engine: str) -> None:
    block = [str(number) for number in range(first, first + _BLOCK)]
    assert {name: pin(name, engine) for name in block} == {name: PINNED[name] for name in block}
