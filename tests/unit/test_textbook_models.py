"""The textbook models of the benchmarks are the systems that the engines run: ratios of speed compare equals."""

from __future__ import annotations

import sys
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import pytest

import simulator
from simulator import registry
from simulator.policies.online import Observation, OnlinePolicy

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from system import SYSTEMS, document
from textbook import plain, radio, rule, three_tiers
from textbook.devices import Row
from textbook.setting import Setting

COMPARED = [name for name, timed in SYSTEMS.items() if timed.engines]
#: both add the same times in another order
TOLERANCE_S = 1e-9
RULE = SYSTEMS["a rule for each request"].setting


class LeastPredictedPolicy(OnlinePolicy):
    """The rule of the textbook model, in terms of cuts and of what a policy in Python sees."""

    kind: Literal["least_predicted"]

    def decide(self, seen: Observation) -> str:
        """The cut with the least latency, counting those who stand before it."""
        options = dict(zip(("input", "head", "output"), rule.options_of(RULE), strict=True))
        news = seen.servers["edge"]
        each_s = (options["input"].edge_s + options["head"].edge_s) / 2 / RULE.workers
        queue_s = max(news.waiting * each_s - news.age_s, 0.0)
        uplink_s = seen.backlog_uplink_bits / seen.uplink_rate_bps
        predicted = {
            cut: sum(option)
            + (seen.backlog_device_s if option.device_s else 0.0)
            + (uplink_s + queue_s if option.uplink_s else 0.0)
            for cut, option in options.items()
        }
        return min(predicted, key=predicted.__getitem__)


def arrivals_of(requests: object) -> list[list[float]]:
    """Arrivals of each device of a result."""
    return [mine["arrival_s"].tolist() for _, mine in requests.groupby("device")]


def in_order(rows: list[Row]) -> list[Row]:
    """Rows as the engines number requests: by arrival, then device."""
    return sorted(rows, key=lambda row: (row[1], row[0]))


@pytest.mark.parametrize("name", COMPARED)
def test_a_textbook_model_has_the_instants_of_the_reference_engine(name: str, tmp_path: Path) -> None:
    """Every answer comes at the same instant, and every visit of who went the whole way starts and ends at the same."""
    timed = SYSTEMS[name]
    requests = simulator.run(document(tmp_path, timed, 300), engine="reference").requests
    rows = in_order(timed.textbook(timed.setting, arrivals_of(requests)))
    assert len(rows) == len(requests) == 300 * timed.setting.devices
    assert [row[0] for row in rows] == requests["device"].tolist()
    np.testing.assert_allclose([row[-1] for row in rows], requests["finish_s"], rtol=0, atol=TOLERANCE_S)
    lengths = np.array([len(row) for row in rows])
    whole = (requests["reason"] == "").to_numpy() & (lengths == lengths.max())
    assert whole.sum() > 0.4 * len(rows)
    now = requests["arrival_s"].to_numpy()[whole]
    visits = np.array([row[2:-1] for row, is_whole in zip(rows, whole, strict=True) if is_whole])
    stations = [name.removesuffix("_wait_s") for name in requests.columns if name.endswith("_wait_s")]
    assert len(stations) == visits.shape[1] / 2
    far_s = timed.setting.backhaul_propagation_s
    before_s = {"edge": timed.setting.propagation_s} | ({"cloud": far_s, "downlink": far_s} if timed.has_cloud else {})
    for k, station in enumerate(stations):
        now = now + before_s.get(station, 0.0)
        for what, instant in (("wait", visits[:, 2 * k]), ("service", visits[:, 2 * k + 1])):
            now = now + requests[f"{station}_{what}_s"].to_numpy()[whole]
            np.testing.assert_allclose(instant, now, rtol=0, atol=TOLERANCE_S)


def test_the_compared_cases_show_what_they_are_about(tmp_path: Path) -> None:
    """Radios sleep and do not, transfers share a cell, batches are small and full, queues are full at times."""
    folders = {name: tmp_path / str(k) for k, name in enumerate(COMPARED)}
    for folder in folders.values():
        folder.mkdir()
    found = {name: simulator.run(document(folders[name], SYSTEMS[name], 300)).requests for name in COMPARED}
    sent_s = {name: rows["uplink_service_s"].to_numpy() for name, rows in found.items()}
    setting = Setting()
    woken = sent_s["radio that wakes (wifi)"] > setting.uplink_s + setting.promotion_s - TOLERANCE_S
    assert 0.2 < woken.mean() < 0.8
    assert 0.2 < (sent_s["shared cell"] > setting.uplink_s + TOLERANCE_S).mean() < 0.9
    served_s = found["batches of up to 8"]["edge_service_s"].to_numpy()
    sizes = np.rint((served_s - setting.batch_fixed_s) / setting.batch_item_s)
    assert set(range(2, 9)) <= set(sizes.tolist())
    refused = found["full queue, back to device"]["reason"] != ""
    assert 0.02 < refused.mean() < 0.4


def test_the_rule_of_the_textbook_model_decides_as_a_policy_in_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same option for each request, and its answer at the same instant; each of the three is taken at times.

    So does the built-in rule.
    """
    known = registry.BUILT_IN["policies"]
    own = MappingProxyType({**known, "least_predicted": f"{__name__}:LeastPredictedPolicy"})
    monkeypatch.setattr(registry, "BUILT_IN", MappingProxyType({**registry.BUILT_IN, "policies": own}))
    registry._targets.cache_clear()
    timed = SYSTEMS["a rule for each request"]
    made = document(tmp_path, timed, 300) | {"policies": [{"kind": "least_predicted"}, {"kind": "adaptive"}]}
    both = simulator.run(made, engine="reference").requests
    registry._targets.cache_clear()
    requests, others = (both[both["policy"] == name] for name in ("least_predicted", "adaptive"))
    assert requests["partition"].tolist() == others["partition"].tolist()
    rows = in_order(timed.textbook(timed.setting, arrivals_of(requests)))
    np.testing.assert_allclose([row[-1] for row in rows], requests["finish_s"], rtol=0, atol=TOLERANCE_S)
    visits = {"input": 3, "head": 4, "output": 1}
    assert [len(row) - 3 for row in rows] == [2 * visits[cut] for cut in requests["partition"]]
    assert requests["partition"].value_counts().min() > 100


def test_a_lone_request_takes_the_sum_of_its_way() -> None:
    """Over three tiers and back; with a radio that sleeps; by a rule that keeps it on the device."""
    of = Setting()
    two_tiers = of.device_s + of.uplink_s + of.edge_s + of.downlink_s + 2 * of.propagation_s
    beyond = of.backhaul_s + of.cloud_s + of.backhaul_down_s + 2 * of.backhaul_propagation_s
    expected = {
        plain: two_tiers,
        radio: two_tiers + of.promotion_s,
        three_tiers: two_tiers + beyond,
        rule: of.device_s + of.rest_s,
    }
    for model, latency_s in expected.items():
        (row,) = model.run(of, [[1.0]])
        assert row[-1] - row[1] == pytest.approx(latency_s, abs=TOLERANCE_S)


def test_a_cloud_that_takes_no_time_changes_nothing() -> None:
    """With an infinitely fast backhaul and cloud the answers of three tiers come when those of two do."""
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / 30, (10, 300)), axis=1).tolist()
    setting = Setting(backhaul_s=0.0, backhaul_down_s=0.0, backhaul_propagation_s=0.0, cloud_s=0.0)
    two, three = (in_order(model.run(setting, arrivals)) for model in (plain, three_tiers))
    np.testing.assert_allclose([row[-1] for row in three], [row[-1] for row in two], rtol=0, atol=TOLERANCE_S)
