"""From a file or a dict to a validated scenario, with every mistake reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.errors import NotFoundError, Problem, ScenarioError
from simulator.links.constant import ConstantLink
from simulator.links.trace import TraceLink
from simulator.policies.split import SplitPolicy
from simulator.scenario.load import load_scenario
from simulator.scenario.locate import MAX_BYTES

GOOD = """\
name: good
model: ./net.json
device: ./pi.yaml
server: ./gpu.yaml
link:
  uplink: {rate: "5.85 Mbit/s"}
  downlink: {trace: ./down.csv}
workload: {arrivals: poisson, rate: 2 /s, requests: 10}
policies:
  - {kind: local}
  - {kind: split, best: latency}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything that `GOOD` refers to; what the files hold is nobody's business here."""
    for name in ("net.json", "pi.yaml", "gpu.yaml", "down.csv"):
        (tmp_path / name).touch()
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def dict_of(folder: Path) -> dict[str, Any]:
    """The same scenario as a dict with absolute references."""
    return {
        "name": "good",
        "model": str(folder / "net.json"),
        "device": str(folder / "pi.yaml"),
        "server": str(folder / "gpu.yaml"),
        "link": {"uplink": {"rate": "5.85 Mbit/s"}, "downlink": {"trace": str(folder / "down.csv")}},
        "workload": {"arrivals": "poisson", "rate": "2 /s", "requests": 10},
        "policies": [{"kind": "local"}, {"kind": "split", "best": "latency"}],
    }


def problems_of(document: Mapping[str, Any]) -> list[Problem]:
    """What loading a dict complains about."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(document)
    return list(caught.value.problems)


def test_quantities_become_si_floats_and_kinds_become_classes(folder: Path) -> None:
    """Channels are told apart by their field, policies by their kind."""
    loaded = load_scenario(folder / "good.yaml")
    scenario = loaded.scenario
    assert scenario.link.uplink == ConstantLink(rate="5.85 Mbit/s")
    assert scenario.link.uplink.rate == 5.85e6
    assert isinstance(scenario.link.downlink, TraceLink)
    assert isinstance(scenario.policies[1], SplitPolicy)
    assert scenario.workload.rate == 2.0
    assert loaded.base == folder
    assert loaded.locate(("workload", "rate")) == (8, 37)


def test_what_is_left_out_has_the_documented_default(folder: Path) -> None:
    """Seed 1, one device, one replication, no warm-up, no delay."""
    scenario = load_scenario(folder / "good.yaml").scenario
    assert (scenario.seed, scenario.count, scenario.statistics.replications) == (1, 1, 1)
    assert (scenario.statistics.warmup, scenario.link.propagation, scenario.workload.jitter) == (0.0, 0.0, 0.0)
    assert scenario.fleet is scenario.horizon is scenario.result_size is scenario.link.radio is None


def test_a_dict_means_the_same_as_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python nothing is read but what it refers to."""
    document = dict_of(folder)
    before = deepcopy(document)
    assert load_scenario(document).scenario.policies == load_scenario(folder / "good.yaml").scenario.policies
    assert document == before


def test_a_dumped_scenario_can_be_read_again(folder: Path) -> None:
    """The manifest of a result holds a scenario that runs."""
    scenario = load_scenario(dict_of(folder)).scenario
    assert load_scenario(scenario.model_dump(mode="json")).scenario == scenario
    assert load_scenario(scenario.model_dump(mode="json", exclude_none=True)).scenario == scenario


def test_overrides_and_seed_replace_what_the_file_says(folder: Path) -> None:
    """In order; the seed of the call last."""
    options = ["link.uplink.rate=2 Mbit/s", "seed=3", "policies.1={kind: split, at: layer2}"]
    scenario = load_scenario(folder / "good.yaml", options, seed=7).scenario
    assert scenario.link.uplink.rate == 2e6
    assert scenario.seed == 7
    assert scenario.policies[1].at == ("layer2",)


@pytest.mark.parametrize(
    ("option", "where", "message", "hint"),
    [
        ("lnk.uplink.rate=1 bit/s", "--set lnk.uplink.rate=1 bit/s", 'unknown field "lnk"', "did you mean link?"),
        ("link.uplink.rat=1", "--set link.uplink.rat=1", 'unknown field "rat"', "did you mean rate?"),
        ("seed=-1", "--set seed=-1", "-1 must be 0 or more", ""),
        ("workload.rate=2", "--set workload.rate=2", "2 has no unit", '"10 /s"'),
    ],
)
def test_a_mistake_in_an_option_is_placed_at_the_option(
    folder: Path, option: str, where: str, message: str, hint: str
) -> None:
    """An unknown path is an unknown field, with the nearest name."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(folder / "good.yaml", [option])
    (problem,) = caught.value.problems
    assert problem.file == where
    assert problem.line == 0
    assert message in problem.message
    assert hint in problem.hint


def test_a_wrong_seed_of_the_call_is_placed_at_the_call(folder: Path) -> None:
    """``--seed`` is an option like any other."""
    with pytest.raises(ScenarioError, match=r"--seed -4: seed: -4 must be 0 or more"):
        load_scenario(folder / "good.yaml", seed=-4)


def test_all_mistakes_come_at_once_in_order_of_place(folder: Path) -> None:
    """Field mistakes, rules between fields, missing files and options, in one error."""
    text = (
        GOOD.replace("./net.json", "./no.json").replace("poisson,", "poisson, jitter: 1 s,").replace("local", "lokal")
    )
    (folder / "good.yaml").write_text(text + "bogus: 1\n", encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(folder / "good.yaml", ["seed=-1", "nonsense"])
    found = [(problem.line, ".".join(map(str, problem.path))) for problem in caught.value.problems]
    assert found == [
        (2, "model"),
        (8, "workload.jitter"),
        (10, "policies.0.kind"),
        (12, "bogus"),
        (0, ""),
        (0, "seed"),
    ]


def test_problems_found_later_get_their_place(folder: Path) -> None:
    """What the planner finds is reported like what the schema finds."""
    loaded = load_scenario(folder / "good.yaml", ["policies.1.best=energy"])
    later = [Problem("no such cut", path=("policies", 1, "best")), Problem("dead", path=("link", "uplink"))]
    first, second = loaded.located(later)
    assert (first.message, first.line) == ("dead", 6)
    assert second.file == "--set policies.1.best=energy"


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"requests": 5, "duration": "5 s"}, ("workload", "duration"), "exclude each other"),
        ({"requests": None}, ("workload",), "neither requests nor duration"),
        ({"arrivals": "recorded"}, ("workload", "file"), "need a file"),
        ({"jitter": "1 s"}, ("workload", "jitter"), "have no jitter"),
        ({"file": "x.csv"}, ("workload", "file"), "have no file"),
        ({"rate": None}, ("workload", "rate"), "need a rate"),
    ],
)
def test_fields_that_do_not_go_together_are_named(
    folder: Path, change: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    """Each rule at the field that breaks it."""
    document = dict_of(folder)
    document["workload"] |= change
    assert any(problem.path == path and message in problem.message for problem in problems_of(document))


def test_rules_are_reported_beside_mistakes_of_the_same_part(folder: Path) -> None:
    """A workload with a wrong unit and with two ends says both."""
    document = dict_of(folder)
    document["workload"] |= {"rate": "2", "duration": "5 s"}
    assert {problem.path for problem in problems_of(document)} == {("workload", "rate"), ("workload", "duration")}


def test_recorded_arrivals_need_neither_requests_nor_duration(folder: Path) -> None:
    """The file says when they end."""
    (folder / "times.csv").touch()
    document = dict_of(folder) | {"workload": {"arrivals": "recorded", "file": str(folder / "times.csv")}}
    assert load_scenario(document).scenario.workload.file == str(folder / "times.csv")


@pytest.mark.parametrize("name", ["../x", "..", ".hidden", "a/b", "a\\b", "", "a b", "x" * 81, "a\n", "-o"])
def test_a_name_cannot_leave_the_results_folder(folder: Path, name: str) -> None:
    """The default result folder is made from it."""
    assert [problem.path for problem in problems_of(dict_of(folder) | {"name": name})] == [("name",)]


@pytest.mark.parametrize("requests", [0, -1, 10**30, 2.5, "10", True, float("nan"), float("inf")])
def test_a_number_of_requests_is_a_small_whole_number(folder: Path, requests: object) -> None:
    """Nothing is rounded or converted."""
    document = dict_of(folder)
    document["workload"]["requests"] = requests
    assert [problem.path for problem in problems_of(document)] == [("workload", "requests")]


def test_a_run_that_cannot_fit_into_memory_is_refused(folder: Path) -> None:
    """Requests of all devices, times replications, times policies."""
    document = dict_of(folder) | {"count": 100_000, "statistics": {"replications": 100}}
    (problem,) = problems_of(document)
    assert "about 2e+08 rows" in problem.message  # 10 requests x 100 000 devices x 100 replications x 2 policies


def test_groups_inherit_what_they_leave_out(folder: Path) -> None:
    """A group may replace model, device, link and workload as a whole."""
    own = {"arrivals": "periodic", "rate": "1 /s", "requests": 3}
    document = dict_of(folder) | {"fleet": [{"name": "a", "count": 2}, {"name": "b", "count": 1, "workload": own}]}
    first, second = load_scenario(document).scenario.fleet
    assert first.workload is first.model is first.link is None
    assert second.workload.arrivals == "periodic"


def test_a_scenario_cannot_be_changed(folder: Path) -> None:
    """Frozen, all the way down."""
    scenario = load_scenario(dict_of(folder)).scenario
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 2
    with pytest.raises(ValidationError, match="frozen"):
        scenario.workload.rate = 2.0


def test_an_unknown_scenario_is_not_found() -> None:
    """The nearest built-in is proposed."""
    with pytest.raises(NotFoundError, match="did you mean quickstart"):
        load_scenario("quikstart")


def test_a_file_far_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    """A hundred megabytes cost no more than the limit."""
    file = tmp_path / "large.yaml"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    with pytest.raises(ScenarioError, match=f"larger than {MAX_BYTES // 1000} kB"):
        load_scenario(file)


@pytest.mark.parametrize("reference", ["nothing.yaml", "no/such.yaml", "x" * 5000 + ".yaml"])
def test_a_missing_file_is_not_found(reference: str) -> None:
    """Whatever its name."""
    with pytest.raises(NotFoundError, match="does not exist"):
        load_scenario(reference)
