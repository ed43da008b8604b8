"""Cards of LoRa radios: tables of published currents, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import CardError
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import Radio, load_radio

#: LoRaSim, mA at 3.0 V for -2 to 20 dBm
SX1272_MA = [22, 22, 22, 23, 24, 24, 24, 25, 25, 25, 25, 26, 31, 32, 34, 35, 44, 82, 85, 90, 105, 115, 125]
#: Semtech's SWL2001, mA with the DC-DC converter, at 3.3 V
SX1262_MA = {-9: 24.0, 0: 40.6, 5: 54.1, 10: 70.5, 14: 89.3, 17: 95.4, 20: 103.8, 22: 117.9}
SX1261_MA = {-17: 5.2, 0: 9.8, 10: 18.5, 14: 25.5, 15: 32.5}
#: LoRaEnergySim, mW
DRAMCO_MW = {2: 91.8, 5: 95.9, 8: 101.6, 11: 120.8, 14: 146.5}

EXPECTED_W = {
    "sx1272": {level: current * 3.0e-3 for level, current in enumerate(SX1272_MA, -2)},
    "sx1262": {level: current * 3.3e-3 for level, current in SX1262_MA.items()},
    "sx1261": {level: current * 3.3e-3 for level, current in SX1261_MA.items()},
    "dramco-node": {level: power * 1e-3 for level, power in DRAMCO_MW.items()},
}


def lora_card(name: str) -> LoraRadio:
    card = load_radio(name)
    assert isinstance(card, LoraRadio)
    return card


@pytest.mark.parametrize("name", EXPECTED_W)
def test_sending_draws_the_published_current(name: str) -> None:
    """Every level of the source and no other, as current times supply."""
    card = lora_card(name)
    assert card.transmit_power.keys() == EXPECTED_W[name].keys()
    for level, power_w in EXPECTED_W[name].items():
        assert card.transmit_w(level) == pytest.approx(power_w, rel=1e-9)


@pytest.mark.parametrize("name", EXPECTED_W)
def test_a_radio_draws_more_the_more_it_does(name: str) -> None:
    """Sleep below receiving, and more output never for less power."""
    card = lora_card(name)
    powers = [card.transmit_w(level) for level in sorted(card.transmit_power)]
    assert powers == sorted(powers)
    assert 0 < card.sleep_power.value < 1e-5 < card.receive_power.value < 0.05


def test_the_chip_agrees_with_the_measured_node() -> None:
    """44 mA at 3.3 V (FLoRa) are 145.2 mW, the node drew 146.5 mW at 14 dBm: 1 %."""
    chip_w = lora_card("sx1272").transmit_w(14) / 3.0 * 3.3
    assert chip_w == pytest.approx(lora_card("dramco-node").transmit_w(14), rel=0.01)


def test_a_level_that_was_not_measured_is_refused_with_those_that_were() -> None:
    """Nothing is interpolated."""
    with pytest.raises(CardError) as caught:
        lora_card("dramco-node").transmit_w(13.0)
    (problem,) = caught.value.problems
    assert problem.message == "the radio dramco-node has no power for 13 dBm"
    assert problem.hint == "its levels: 2 dBm, 5 dBm, 8 dBm, 11 dBm, 14 dBm"


def test_other_radios_are_what_they_were() -> None:
    """A card without a kind follows its rate."""
    assert isinstance(load_radio("lte"), Radio)


CARD = """kind: lora
name: mine
title: mine
transmit_power:
  14 dBm: {value: 100 mW, source: s}
receive_power: {value: 30 mW, source: s}
sleep_power: {value: 1 uW, source: s}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        ("kind: lora", "kind: lorra", 1, '"lorra" is not a kind of radio'),
        ("kind: lora", "kind: [1]", 1, "a list is not a kind of radio"),
        ("14 dBm:", "14 mW:", 5, 'unit "mW" of "14 mW" is not a unit of signal level'),
        ("14 dBm:", "14:", 5, '"14" is not a field name'),
        ("100 mW", "-100 mW", 5, '"-100 mW" must be zero or more'),
        ("{value: 100 mW, source: s}", "100 mW", 5, '"100 mW" does not say where it comes from'),
        ("sleep_power", "slep_power", 1, 'field "sleep_power" is missing'),
        ("\n  14 dBm: {value: 100 mW, source: s}", " {}", 4, "needs at least 1 entry"),
    ],
)
def test_a_damaged_card_is_refused_with_its_place(
    tmp_path: Path, right: str, wrong: str, line: int, message: str
) -> None:
    """The file, the line and what is wrong."""
    file = tmp_path / "mine.yaml"
    file.write_text(CARD)
    assert isinstance(load_radio(str(file)), LoraRadio)
    file.write_text(CARD.replace(right, wrong))
    with pytest.raises(CardError) as caught:
        load_radio(str(file))
    found = [(problem.line, problem.message) for problem in caught.value.problems]
    assert any(at == line and message in said for at, said in found), found
