"""Factors on compute times: mean 1, the moments that they say, nothing that they do not use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.devices.card import load_card
from simulator.devices.variability import NEEDS, Variability, read_factors
from simulator.errors import CardError, ScenarioError

DRAWS = 400_000
#: kind, parameters, coefficient of variation, kurtosis (fourth central moment over squared variance)
KINDS: list[tuple[str, dict[str, Any], float, float]] = [
    ("exponential", {}, 1.0, 9.0),
    ("gamma", {"cv": 0.5}, 0.5, 3 + 6 * 0.25),
    ("gamma", {"cv": 2.0}, 2.0, 3 + 6 * 4),
    ("erlang", {"stages": 4}, 0.5, 3 + 6 / 4),
    ("two_point", {"slow_share": 0.1, "slow_ratio": 5.0}, 0.3 * 4 / 1.4, 1 / 0.09 - 3),
]


def stated(value: Any) -> dict[str, Any]:
    return {"value": value, "source": "tests"}


def variability(distribution: str, **parameters: Any) -> Variability:
    given_ = {name: stated(value) for name, value in parameters.items()}
    return Variability.model_validate({"distribution": distribution} | given_)


@pytest.mark.parametrize(("distribution", "parameters", "cv", "kurtosis"), KINDS)
def test_factors_have_mean_one_and_the_variation_that_they_say(
    distribution: str, parameters: dict[str, Any], cv: float, kurtosis: float
) -> None:
    """Mean and variance within 4 of their standard errors, one wrong alarm in 16 000; the latter by the kurtosis."""
    drawn = variability(distribution, **parameters).draw(DRAWS, np.random.default_rng(1))
    assert (drawn >= 0).all()
    assert abs(drawn.mean() - 1) < 4 * cv / math.sqrt(DRAWS)
    assert abs(drawn.var() / cv**2 - 1) < 4 * math.sqrt((kurtosis - 1) / DRAWS)


@pytest.mark.parametrize("cv", [0.1, 0.5, 1.5])
def test_lognormal_factors_have_mean_one_and_their_variation(cv: float) -> None:
    """Mean within 4 standard errors of 1, coefficient of variation within 5 % (400 000 draws)."""
    drawn = variability("lognormal", cv=cv).draw(DRAWS, np.random.default_rng(1))
    assert abs(drawn.mean() - 1) < 4 * cv / math.sqrt(DRAWS)
    assert drawn.std() == pytest.approx(cv, rel=0.05)


@given(st.floats(0.001, 0.999), st.floats(1.001, 1000))
def test_two_points_have_mean_one_whatever_their_share(share: float, ratio: float) -> None:
    """Slow over quick is the ratio; the mean of both, with their shares, is 1."""
    drawn = np.unique(
        variability("two_point", slow_share=share, slow_ratio=ratio).draw(20_000, np.random.default_rng(2))
    )
    if drawn.size == 2:
        assert drawn[1] / drawn[0] == pytest.approx(ratio)
        assert share * drawn[1] + (1 - share) * drawn[0] == pytest.approx(1)


@given(st.sampled_from([*KINDS, ("lognormal", {"cv": 0.3}, 0.3, 0.0)]), st.integers(1, 50))
def test_fewer_draws_are_the_beginning_of_more(kind: tuple[str, dict[str, Any], float, float], count: int) -> None:
    """So that a horizon leaves earlier requests as they are."""
    given_ = variability(kind[0], **kind[1])
    few, many = (given_.draw(size, np.random.default_rng(3)) for size in (count, 100))
    assert few.tolist() == many[:count].tolist()


@pytest.mark.parametrize("distribution", ["gamma", "lognormal"])
def test_no_variation_is_none(distribution: str) -> None:
    assert variability(distribution, cv=0.0).draw(3, np.random.default_rng(1)).tolist() == [1.0, 1.0, 1.0]


def world(folder: Path, given_: dict[str, Any]) -> dict[str, Any]:
    """Everything on a device whose only layer takes 1 s in the mean."""
    device = card(folder, "device", "device", {"whole": "1 s"}, variability=given_)
    server = card(folder, "server", "server", {"whole": "1 s"})
    workload = {"arrivals": "periodic", "rate": "1 /min", "requests": 200}
    return scenario(chain(folder, {"whole": 4}), device, server, workload=workload)


def test_measured_times_come_with_the_shares_that_they_have(tmp_path: Path) -> None:
    """2, 2, 3 and 5 ms are 2/3, 1 and 5/3 of their mean, in whatever unit; drawn with replacement."""
    for unit in (1.0, 1e-3, 1e300, 1e-300):
        (tmp_path / "times.csv").write_text("# mine\nfactor\n" + "".join(f"{t * unit!r}\n" for t in (2, 2, 3, 5)))
        factors = read_factors(tmp_path / "times.csv")
        assert factors == pytest.approx([2 / 3, 2 / 3, 1, 5 / 3])
    given_ = {"distribution": "empirical", "file": stated("times.csv")}
    both = [simulator.run(world(tmp_path, given_), engine=engine).requests for engine in ("reference", "fast")]
    assert both[0].equals(both[1])
    times = both[0]["device_service_s"].round(9).value_counts()
    assert sorted(times.index) == pytest.approx([2 / 3, 1, 5 / 3])
    # binomial: 4 standard deviations of 200 draws with probability 1/2 are 28
    assert abs(times.loc[round(2 / 3, 9)] - 100) < 28


def test_a_sweep_takes_the_measured_times_with_it(tmp_path: Path) -> None:
    """The points of a sweep read copies: theirs is the same file, and other times make another sweep."""
    (tmp_path / "times.csv").write_text("factor\n1\n3\n")
    document = world(tmp_path, {"distribution": "empirical", "file": stated("times.csv")})
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps(document))
    alone = simulator.run(path).summary["latency_mean_s"][0]
    found = simulator.sweep(path, over=["workload.requests=200,100"], output_dir=tmp_path / "out", workers=1)
    assert found["latency_mean_s"].iloc[0] == alone
    assert found["latency_mean_s"].iloc[0] != pytest.approx(1.0)


@pytest.mark.parametrize("distribution", sorted(NEEDS))
def test_each_kind_asks_for_what_it_needs_and_refuses_the_rest(tmp_path: Path, distribution: str) -> None:
    needs = NEEDS[distribution]
    everything = {"cv": 0.5, "stages": 2, "slow_share": 0.5, "slow_ratio": 2.0, "file": "times.csv"}
    with pytest.raises(CardError) as raised:
        load_card(
            world(tmp_path, {"distribution": distribution} | {k: stated(v) for k, v in everything.items()})["device"]
        )
    assert {problem.path[-1] for problem in raised.value.problems} == everything.keys() - set(needs)
    if needs:
        with pytest.raises(CardError) as raised:
            load_card(world(tmp_path, {"distribution": distribution})["device"])
        assert {problem.path[-1] for problem in raised.value.problems} == set(needs)
        assert all(problem.hint for problem in raised.value.problems)


@pytest.mark.parametrize(
    ("distribution", "parameters"),
    [
        ("gamma", {"cv": -0.1}),
        ("gamma", {"cv": math.inf}),
        ("gamma", {"cv": 11}),
        ("erlang", {"stages": 0}),
        ("erlang", {"stages": 1.5}),
        ("erlang", {"stages": True}),
        ("two_point", {"slow_share": 0, "slow_ratio": 2}),
        ("two_point", {"slow_share": 1, "slow_ratio": 2}),
        ("two_point", {"slow_share": 0.5, "slow_ratio": 1}),
        ("two_point", {"slow_share": 0.5, "slow_ratio": math.nan}),
        ("empirical", {"file": "../times.csv"}),
        ("empirical", {"file": "nothing.csv"}),
        ("weibull", {}),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(tmp_path: Path, distribution: str, parameters: Any) -> None:
    document = world(tmp_path, {"distribution": distribution} | {k: stated(v) for k, v in parameters.items()})
    problems = simulator.check(document)
    assert problems
    assert all(problem.path == ("device",) and "variability" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "does not begin with the header"),
        ("factor\n", "does not begin with the header"),
        ("time\n1\n", "does not begin with the header"),
        ("factor\n1\n0\n", 'times.csv:3:1: "0" is no factor'),
        ("factor\n-1\n", 'times.csv:2:1: "-1" is no factor'),
        ("factor\nnan\n1\ninf\n", 'times.csv:4:1: "inf" is no factor'),
        ("factor\n1,2\n", '"1,2" is no factor'),
        ("factor\n1e-320\n1e308\n", "out of all proportion"),
        (b"factor\n\xff\n", "2:1: is not UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_times_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    (tmp_path / "times.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ScenarioError) as raised:
        read_factors(tmp_path / "times.csv")
    assert any(message in str(problem) for problem in raised.value.problems)
    problems = simulator.check(world(tmp_path, {"distribution": "empirical", "file": stated("times.csv")}))
    assert any(message in problem.message for problem in problems)
