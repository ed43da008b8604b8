"""A radio card says at which rates it was fitted; a link outside of them is cautioned against, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from worlds import card, chain, scenario

import simulator
from simulator import paths
from simulator.cli import cli
from simulator.links.blockage import BlockageLink
from simulator.links.fitted_rates import FittedRates, outside
from simulator.links.markov import MarkovLink
from simulator.links.radio import Radio, load_radio
from simulator.physics.link import Channel

MBIT = 1e6
RADIOS = [name for name in paths.names("radio") if isinstance(load_radio(name), Radio)]


def fitted(lowest: str, highest: str) -> FittedRates:
    rates = {"value": [lowest, highest], "estimated": "by hand"}
    return FittedRates.model_validate({"uplink": rates, "downlink": {"value": ["1 bit/s", "1 Gbit/s"], "source": "x"}})


@pytest.mark.parametrize("name", RADIOS)
def test_every_radio_whose_power_follows_its_rate_says_where_it_was_fitted(name: str) -> None:
    """Both directions, with their origin."""
    known = load_radio(name).fitted_rates  # type: ignore[union-attr]
    assert known is not None
    assert all(rates.origin for rates in (known.uplink, known.downlink))


def test_an_lte_phone_of_2012_was_not_measured_at_rates_that_would_melt_it() -> None:
    """Within its fit the card `lte` never draws more than 6 W; 16.8 and 21.8 W belong to 35 and 47 Mbit/s."""
    radio = load_radio("lte")
    assert isinstance(radio, Radio)
    assert radio.fitted_rates is not None
    highest = radio.fitted_rates.uplink.value[1]
    assert radio.active_power.value + radio.uplink_energy_per_bit.value * highest < 6
    for watts in (16.8, 21.8):
        rate = (watts - radio.active_power.value) / radio.uplink_energy_per_bit.value
        assert outside("lte", radio.fitted_rates, {"uplink": (rate, rate)})


@pytest.mark.parametrize(
    ("mean", "high", "is_outside"),
    [(10, 10, False), (1, 1, False), (0.9, 0.9, True), (10.1, 10.1, True), (5, 12.5, False), (5, 12.6, True)],
)
def test_mean_and_upper_tenth_decide(mean: float, high: float, is_outside: bool) -> None:
    """1 to 10 Mbit/s: a mean outside, or a tenth of the time beyond a quarter more, is outside."""
    said = outside("mine", fitted("1 Mbit/s", "10 Mbit/s"), {"uplink": (mean * MBIT, high * MBIT)})
    assert bool(said) == is_outside


def test_both_directions_share_one_sentence() -> None:
    """With the range, what the link has, and what to do."""
    rates = {"uplink": (20 * MBIT, 30 * MBIT), "downlink": (2000 * MBIT, 2000 * MBIT)}
    said = outside("mine", fitted("1 Mbit/s", "10 Mbit/s"), rates)
    assert said.startswith(
        "radio mine is fitted to uplinks of 1.00 Mbit/s to 10.0 Mbit/s (here 20.0 Mbit/s on average, "
    )
    assert "more than 30.0 Mbit/s a tenth of the time) and to downlinks of" in said


def test_a_range_rises() -> None:
    """The lowest rate comes first."""
    with pytest.raises(ValueError, match="not below the highest"):
        fitted("10 Mbit/s", "1 Mbit/s")


def test_the_upper_tenth_of_a_channel_by_hand() -> None:
    """8 s at 1, 1 s at 5 and 1 s at 9 bit/s: a tenth of the time at 9, a fifth above 1."""
    channel = Channel(np.array([0.0, 1.0, 9.0, 10.0]), np.array([9.0, 1.0, 5.0]))
    assert [channel.exceeded_rate_bps(share) for share in (0.05, 0.1, 0.15, 0.2, 0.5)] == [9, 5, 5, 1, 1]


def test_random_links_know_their_upper_tenth() -> None:
    """A path that is clear more than a tenth of the time has its clear rate; a generator that of its measurement."""
    times = {"mean_clear": "1 s", "mean_blocked": "8 s"}
    link = {"clear": "9 Mbit/s", "blocked": "1 Mbit/s"}
    assert BlockageLink.model_validate(link | times).high_rate_bps(None) == 9 * MBIT
    assert BlockageLink.model_validate(link | times | {"mean_blocked": "10 s"}).high_rate_bps(None) == 1 * MBIT
    assert MarkovLink(generator="3g-uplink-driving").high_rate_bps(None) == 1416000


def world(folder: Path, **link: Any) -> dict[str, Any]:
    """A fleet of two groups under three policies on one link."""
    model = chain(folder, {"head": 400, "tail": 40}, input_bytes=4000)
    device = card(folder, "device", "device", {"head": "10 ms", "tail": "10 ms"})
    server = card(folder, "server", "server", {"head": "1 ms", "tail": "1 ms"})
    policies = [{"kind": "edge", "encoding": "uint8"}, {"kind": "split", "at": "head"}, {"kind": "local"}]
    document = scenario(model, device, server, policies=policies)
    document["link"] = {"uplink": {"rate": "30 Mbit/s"}, "downlink": {"rate": "5 Mbit/s"}, "radio": "lte"} | link
    document["fleet"] = [{"name": "a", "count": 1}, {"name": "b", "count": 2}]
    document.pop("count", None)
    return document


def test_a_run_cautions_once_however_many_groups_and_policies_send(tmp_path: Path) -> None:
    """Two groups, three policies, many requests: one sentence."""
    cautions = simulator.run(world(tmp_path)).manifest["cautions"]
    assert len([caution for caution in cautions if caution.startswith("radio lte is fitted to uplinks of")]) == 1


@pytest.mark.parametrize("verb", ["check", "explain"])
def test_check_and_explain_warn_before_the_run(tmp_path: Path, verb: str) -> None:
    file = tmp_path / "world.yaml"
    file.write_text(json.dumps(world(tmp_path)))
    done = CliRunner().invoke(cli, [verb, str(file)])
    assert done.exit_code == 0, done.output
    assert done.output.count("radio lte is fitted to") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"uplink": {"rate": "5 Mbit/s"}},
        {"radio": "5g-mmwave"},
        {"uplink": {"rate": "5 Mbit/s"}, "downlink": {"rate": "90 Gbit/s"}},
    ],
)
def test_a_link_within_the_fit_is_not_cautioned_against(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Nor is a direction that carries nothing."""
    document = world(tmp_path, **changes) | {"result_size": "0 B"}
    assert not any("is fitted to" in caution for caution in simulator.run(document).manifest["cautions"])


def test_who_sends_nothing_is_not_cautioned(tmp_path: Path) -> None:
    """All of it local: the radio idles at any rate."""
    document = world(tmp_path) | {"policies": [{"kind": "local"}]}
    assert not any("is fitted to" in caution for caution in simulator.run(document).manifest["cautions"])


@pytest.mark.parametrize("name", paths.names("scenario"))
def test_the_examples_take_a_card_that_fits(name: str) -> None:
    """No bundled scenario asks a radio for rates that it was not fitted to."""
    done = CliRunner().invoke(cli, ["check", name])
    assert done.exit_code == 0, done.output
    assert "is fitted to" not in done.output
