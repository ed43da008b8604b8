"""What is drawn for LoRaWAN devices before a run, and what a run remembers of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from generated import remade
from worlds import scenario

from simulator.engines import fast
from simulator.links.lora import LoraLink
from simulator.plan.channels import with_drawn_channels
from simulator.plan.lora import LoraPlan, lay_out
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.plan.system import System
from simulator.scenario.load import load_scenario
from simulator.workload import draw


def prepared(replication: int = 0, **changes: Any) -> tuple[System, list[Plan]]:
    link = {"uplink": {"region": "EU868", "distance": "2 km", "shadowing": "8 dB", **changes.pop("uplink", {})}}
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "float32"}]
    document = scenario("ds_cnn", "stm32l4r5", "t4-tensorrt", count=3, link=link, policies=policies) | changes
    system, plans = prepare(load_scenario(document))
    return system, with_drawn_channels(plans, system, replication)


def lora(**changes: Any) -> LoraPlan:
    """The same for all policies."""
    _, (one, other) = prepared(**changes)
    assert one.lora is not None
    assert other.lora is one.lora
    return one.lora


def test_a_further_device_changes_nobody_else() -> None:
    """Level, data rate and channels."""
    few, many = lora(), lora(count=5)
    for name in ("received_dbm", "first_rate", "draws"):
        assert np.array_equal(getattr(few, name), getattr(many, name)[:3])
        assert not np.array_equal(getattr(many, name)[3:], getattr(many, name)[1:3])


def test_replications_and_seeds_differ_in_levels_and_channels() -> None:
    """And devices from one another; 1024 numbers of each."""
    drawn = [lora(), lora(replication=1), lora(seed=2)]
    assert len({level for one in drawn for level in one.received_dbm.tolist()}) == 9
    assert len({tuple(numbers) for one in drawn for numbers in one.draws.tolist()}) == 9


def test_levels_are_those_of_the_channel_that_policies_are_told() -> None:
    """The mean rate of each drawn channel is that of its device's data rate."""
    system, (plan, _) = prepared(count=20)
    link = system.groups[0].lora
    assert link is not None
    assert plan.lora is not None
    rules = link.parameters()
    for device in range(20):
        rate = rules.settled_rate(plan.lora.received_dbm[device])
        airtime_s = rules.most_bytes[rate] * 8 * 0.01 / plan.links["uplink"].channel(device).rates_bps[0]
        assert plan.lora.first_rate[device] == rate
        # from SF12 to SF7 the airtimes of full frames are table rows
        expected = [2.793472, 1.560576, 0.698368, 0.676864, 0.707072, 0.399616][rate]
        assert abs(airtime_s - expected) < 1e-9


def test_channels_are_used_alike() -> None:
    """Three channels of one sub-band, each a third of 3000 frames and more; the standard deviation is 0.9 %."""
    workload = {"arrivals": "periodic", "rate": "60 /h", "requests": 350}
    uplink = {"shadowing": "0 dB", "distance": "1 km"}
    system, (_, plan) = prepared(workload=workload, uplink=uplink, result_size="0 B")
    frames = fast.run(plan, draw(sources(system), 1, 0)).frames
    assert frames is not None
    assert frames.channel.size > 3000
    shares = np.bincount(frames.channel) / frames.channel.size
    assert np.allclose(shares, 1 / 3, atol=0.03)


def test_frames_of_the_last_hour_are_all_remembered() -> None:
    """With ten times the room nothing changes, whatever the size of frames and the duty cycle."""
    for duty_cycle in (0.001, 0.01, 0.05, 0.3):
        link = LoraLink.model_validate(
            {"region": "EU868", "distance": "1 km", "spreading_factor": 7, "duty_cycle": duty_cycle}
        )
        workload = {"arrivals": "poisson", "rate": "1 /s", "requests": 3000}
        system, (_, plan) = prepared(
            uplink=link.model_dump(include={"duty_cycle", "spreading_factor"}), workload=workload
        )
        assert plan.lora is not None
        sizes = np.where(plan.work("uplink") > 0, 8.0, 0.0)
        plan = remade(plan, bits_up=sizes, bits_down=np.zeros_like(sizes), horizon_s=8 * 3600.0)
        more = replace(plan, lora=plan.lora._replace(hour_frames=10 * plan.lora.hour_frames))
        drawn = draw(sources(system), 1, 0)
        one, other = fast.run(plan, drawn).frames, fast.run(more, drawn).frames
        assert one is not None
        assert other is not None
        assert one.tobytes() == other.tobytes()


def test_groups_without_lora_have_rows_of_zeros() -> None:
    """So that numbers of groups stay those of the plan."""
    link = LoraLink.model_validate({"region": "US915", "distance": "1 km"})
    drawn = np.zeros((2, 4), dtype=np.int64)
    plan = lay_out([None, link], np.array([0, 1]), np.zeros(2), np.zeros(2, dtype=np.int64), drawn)
    assert plan.uses.tolist() == [False, True]
    assert (plan.rates.tolist(), plan.channels.tolist(), plan.bands.tolist()) == ([0, 4], [0, 8], [0, 1])
    assert plan.spreading_factor.tolist() == [[0, 0, 0, 0], [10, 9, 8, 7]]
    assert plan.hour_frames == 1
