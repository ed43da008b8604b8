"""A policy that raises, or names what cannot run, ends its own column of the comparison, not the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from worlds import card, chain, radio, scenario

import simulator
from simulator import registry
from simulator.cli import cli
from simulator.policies.online import Observation, OnlinePolicy


class RaisingPolicy(OnlinePolicy):
    """Sends, and raises from some instant on."""

    kind: Literal["raising"]
    from_s: float = 0.25

    def decide(self, seen: Observation) -> str:
        """Nothing from that instant on."""
        if seen.now_s >= self.from_s:
            raise KeyError("no\nidea \x1b[31m")
        return "input"


class WrongPolicy(OnlinePolicy):
    """Names a cut that does not exist, or one that cannot run."""

    kind: Literal["wrong"]
    cut: str = "layer99"

    def decide(self, seen: Observation) -> str:  # noqa: ARG002
        """Always the same."""
        return self.cut


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own = {"raising": f"{__name__}:RaisingPolicy", "wrong": f"{__name__}:WrongPolicy"}
    known = registry.BUILT_IN["policies"]
    groups = {**registry.BUILT_IN, "policies": MappingProxyType({**known, **own})}
    monkeypatch.setattr(registry, "BUILT_IN", MappingProxyType(groups))
    registry._targets.cache_clear()
    yield
    registry._targets.cache_clear()


def written(folder: Path, *policies: dict[str, Any], **changes: Any) -> Path:
    """A file with some policies; ten requests, ten in a second, with a radio."""
    model = chain(folder, {"whole": 4}, input_bytes=1000)
    device = card(folder, "device", "device", {"whole": "50 ms"})
    server = card(folder, "server", "server", {"whole": "10 ms"})
    made = scenario(model, device, server, policies=list(policies))
    made["link"]["radio"] = radio(folder, tail=[("100 ms", "1 W")])
    made["workload"] = {"arrivals": "periodic", "phase": "0 s", "rate": "10 /s", "requests": 10}
    file = folder / "scenario.yaml"
    file.write_text(json.dumps(made | changes))
    return file


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


RAISING, LOCAL = {"kind": "raising"}, {"kind": "local"}
REASON = "ended by an error: replication 0, request 3 at 0.3 s: KeyError: 'no\\nidea \\x1b[31m'"


def test_the_others_go_on(tmp_path: Path) -> None:
    """It keeps its row with the reason, without numbers, in no figure; all else is as if it had not been there."""
    edge = {"kind": "edge", "encoding": "uint8"}
    done = run("run", written(tmp_path, LOCAL, RAISING, edge), "-o", tmp_path / "with")
    assert done.exit_code == 0
    said = " ".join(done.output.split())
    assert f"Caution: raising {REASON}; it has no numbers there, and figures leave it out" in said
    assert f"raising is not compared ({REASON})." in said
    assert run("run", written(tmp_path, LOCAL, edge), "-o", tmp_path / "without").exit_code == 0
    summary, other = (pd.read_csv(tmp_path / name / "summary.csv") for name in ("with", "without"))
    assert summary["policy"].tolist() == ["local", "edge uint8", "raising"]
    pd.testing.assert_frame_equal(summary[:2], other, check_dtype=False)
    ended = summary.iloc[2]
    assert ended["condition"] == REASON
    assert ended[["requests", "completed", "dropped", "censored"]].tolist() == [0, 0, 0, 0]
    assert ended[["latency_mean_s", "energy_mean_j", "accuracy", "utilisation_device"]].isna().all()
    for name in ("requests.parquet", "differences.csv"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()
    for file in (tmp_path / "without" / "figures").glob("*.csv"):
        assert (tmp_path / "with" / "figures" / file.name).read_bytes() == file.read_bytes()
    assert list((tmp_path / "without" / "figures").glob("radio_timeline.csv"))


def test_a_result_with_such_a_policy_is_read_and_drawn_again(tmp_path: Path) -> None:
    assert run("run", written(tmp_path, LOCAL, RAISING), "-o", tmp_path / "out").exit_code == 0
    result = simulator.load_result(tmp_path / "out")
    assert result.summary["condition"].tolist() == ["", REASON]
    assert run("plot", tmp_path / "out").exit_code == 0
    assert "raising" in run("plot", tmp_path / "out", "--csv").output


def test_an_end_in_a_later_replication_takes_the_earlier_ones_away(tmp_path: Path) -> None:
    """It raises at an instant after the last arrival of the first replication, and before that of another."""
    changes = {
        "workload": {"arrivals": "poisson", "rate": "10 /s", "requests": 10},
        "statistics": {"replications": 8},
        "seed": 2,
    }
    arrivals = simulator.run(written(tmp_path, LOCAL, **changes)).requests.groupby("replication")["arrival_s"].max()
    from_s = arrivals[0] + 1e-6
    assert arrivals.max() > from_s
    file = written(tmp_path, LOCAL, {"kind": "raising", "from_s": from_s}, **changes)
    done = run("run", file, "-o", tmp_path / "out", "--no-plots")
    assert done.exit_code == 0
    requests = pd.read_parquet(tmp_path / "out" / "requests.parquet")
    assert set(requests["policy"]) == {"local"}
    assert set(requests["replication"]) == set(range(8))
    later = int(np.flatnonzero(arrivals > from_s)[0])
    assert f"ended by an error: replication {later}, request" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        ("layer99", 'ProfileError: model "chain" has no cut called "layer99"'),
        ("output", "ScenarioError: chain cut at output cannot run: small: "),
    ],
)
def test_an_impossible_option_ends_a_policy_too(tmp_path: Path, cut: str, reason: str) -> None:
    """One that does not exist, and one for which the device has too little memory."""
    small = Path(card(tmp_path, "small", "device", {"whole": "50 ms"}))
    small.write_text(small.read_text().replace("1 GB", "100 B"))
    edge = {"kind": "edge", "encoding": "uint8"}
    file = written(tmp_path, edge, {"kind": "wrong", "cut": cut}, device=str(small))
    done = run("run", file, "-o", tmp_path / "out", "--no-plots")
    assert done.exit_code == 0
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert f"replication 0, request 0 at 0 s: {reason}" in summary["condition"][1]


def test_groups_each_have_a_row(tmp_path: Path) -> None:
    fleet = [{"name": "one", "count": 1}, {"name": "two", "count": 2}]
    done = run("run", written(tmp_path, LOCAL, RAISING, fleet=fleet), "-o", tmp_path / "out", "--no-plots")
    assert done.exit_code == 0
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert summary[["policy", "group"]].to_numpy().tolist()[2:] == [["raising", "one"], ["raising", "two"]]


def test_if_all_end_nothing_is_written(tmp_path: Path) -> None:
    done = run("run", written(tmp_path, RAISING, {"kind": "wrong"}), "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert f"raising {REASON}" in done.stderr
    assert "wrong ended by an error: replication 0, request 0 at 0 s: ProfileError" in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_a_sweep_goes_on_too(tmp_path: Path) -> None:
    """At two rates it raises: requests every 0.1 s and every 0.05 s; at a slow one of 3.5 s it has asked only once."""
    file = written(tmp_path, LOCAL, {"kind": "raising", "from_s": 0.3}, horizon="3 s")
    over = ("--over", "workload.rate=0.1,10,20 /s", "--workers", "1", "-o", tmp_path / "sweep")
    done = run("sweep", file, *over)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Caution: raising ended by an error at 2 points, first: replication 0, request 3 at 0.3 s: KeyError" in said
    frame = simulator.load_sweep(tmp_path / "sweep").frame
    assert frame.groupby("policy").size().to_dict() == {"local": 3, "raising": 3}
    raising = frame[frame["policy"] == "raising"]
    assert raising["condition"].str.startswith("ended by an error").tolist() == [False, True, True]
    assert np.isnan(raising["latency_mean_s"]).tolist() == [False, True, True]
    drawn = run("plot", tmp_path / "sweep")
    assert drawn.exit_code == 0, drawn.output
    assert "ended by an error" in " ".join(drawn.output.split())


def test_a_point_at_which_all_end_fails_alone(tmp_path: Path) -> None:
    file = written(tmp_path, {"kind": "raising", "from_s": 0.3}, horizon="3 s")
    done = run("sweep", file, "--over", "workload.rate=0.1,10 /s", "--workers", "1", "-o", tmp_path / "sweep")
    assert done.exit_code == 2
    assert "1 of 2 points failed" in done.stderr
    assert len(simulator.load_sweep(tmp_path / "sweep").frame) == 1
