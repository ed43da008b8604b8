"""Halves of modules, as programs of torch.export, compute together what the whole module computes."""

from __future__ import annotations

import importlib.util
import json

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

import torch
import torch_by_hand
from torch.utils import _pytree as pytree

from simulator.cli import cli
from simulator.errors import ExtractionError
from simulator.profiling.extract import cut, environment, extract
from simulator.profiling.extract.environment import quiet
from simulator.profiling.partition import find_cut

pytestmark = pytest.mark.torch


def inputs(profile, seed: int = 3) -> torch.Tensor:
    """A random input."""
    draw = torch.Generator().manual_seed(seed)
    if profile.input_dtype == "int64":
        return torch.randint(0, 50, profile.input_shape, generator=draw)
    return torch.randn(profile.input_shape, generator=draw, dtype=getattr(torch, profile.input_dtype))


def results(module, x) -> list[torch.Tensor]:
    """Every tensor that a module returns, once, in order."""
    with torch.no_grad():
        returned = pytree.tree_leaves(module(x.clone()))
    return [one for one in returned if isinstance(one, torch.Tensor)]


def loaded(path):
    """A program and the names of what it takes and returns."""
    names = {"tensors.json": ""}
    with quiet():
        program = torch.export.load(path, extra_files=names)
    return program, json.loads(names["tensors.json"])


def passed(head, tail, crossing, x):
    """Outputs by name of a head and of a tail, each with its names, where the tensors that cross are sent as copies."""
    (first, returned), (second, named) = head, tail
    with torch.no_grad():
        made = first.module()(x.clone())
        sent = [tensor.clone(memory_format=torch.contiguous_format) for tensor in made[: len(crossing)]]
        kept = [tensor.clone() for tensor in sent]
        late = second.module()(*sent)
    for tensor, before, (_, shape, size) in zip(sent, kept, crossing, strict=True):
        assert tuple(tensor.shape) == shape
        assert tensor.numel() * tensor.element_size() == size
        assert torch.equal(tensor, before)  # the tail changes nothing that it was given
    early = dict(zip(returned["outputs"][len(crossing) :], made[len(crossing) :], strict=True))
    return early, dict(zip(named["outputs"], late, strict=True))


def check_cut(profile, at, source, folder, module):
    """The halves give what the module gives, to 1e-5 of the largest number; another input gives other results."""
    place = find_cut(profile, at)
    halves = cut(profile, at, source, folder)
    head, tail = loaded(halves.head), loaded(halves.tail)
    names = [name for name, _, _ in halves.crossing]
    assert tail[1]["inputs"] == names == head[1]["outputs"][: len(names)]
    assert sum(size for _, _, size in halves.crossing) == place.bytes
    assert len(names) >= place.tensors  # two results of one operator are one tensor of a profile
    seen = []
    for seed in (3, 4):
        x = inputs(profile, seed)
        whole = results(module, x)
        early, late = passed(head, tail, halves.crossing, x)
        found = [*early.values(), *late.values()]
        assert len(found) == len(whole)
        for value in whole:
            margin = 1e-5 * max(1.0, float(value.abs().max()))
            assert any(one.shape == value.shape and torch.allclose(value, one, rtol=0, atol=margin) for one in found)
        seen.append(whole[0])
    assert not torch.allclose(*seen, atol=1e-3)
    return early, late, head[0], tail[0]


def inner(profile) -> list[str]:
    """Cuts with work on both sides."""
    return [one.name for one in profile.cut_points if one.macs_before and one.macs_after]


SMALL = ("chain", "shared", "several", "exits", "recurrent", "in_place", "turned", "normalised")


@pytest.mark.parametrize("name", SMALL)
def test_every_cut_of_a_small_module(tmp_path, name):
    """Wherever it is cut, head and tail compute what the whole does."""
    source = f"torch_by_hand:{name}"
    profile, module = extract(source), getattr(torch_by_hand, name)()
    names = inner(profile)
    assert len(names) > 1
    for place, at in enumerate(names):
        check_cut(profile, at, source, tmp_path / str(place), module)


LARGE = ("resnet18", "densenet121", "mobilenet_v2", "squeezenet1_1", "vit", "swin", "mobilevit", "bert")


@pytest.mark.parametrize("name", LARGE)
def test_cuts_of_a_network(tmp_path, name):
    """At an early and a late cut, and at the one that most tensors cross."""
    source = f"torch_by_hand:{name}"
    profile, module = extract(source), getattr(torch_by_hand, name)()
    names = inner(profile)
    widest = max(profile.cut_points, key=lambda one: one.tensors if one.name in names else 0)
    assert widest.tensors > 1
    for place, at in enumerate((names[len(names) // 4], widest.name, names[-1])):
        check_cut(profile, at, source, tmp_path / str(place), module)


def test_a_finished_exit_is_an_output_of_the_head(tmp_path):
    """Behind the layer that feeds it an exit is computed at once, and the tail returns what is left, by name."""
    source = "torch_by_hand:exits"
    profile = extract(source)
    assert [one.name for one in profile.exits] == ["first_exit", "second_exit"]
    module = torch_by_hand.exits()
    early, late, *_ = check_cut(profile, "one", source, tmp_path / "one", module)
    assert (list(early), list(late)) == (["first_exit"], ["second_exit", "last"])
    early, late, *_ = check_cut(profile, "three", source, tmp_path / "three", module)
    assert (list(early), list(late)) == (["first_exit", "second_exit"], ["last"])


def test_each_half_holds_the_parameters_that_it_uses(tmp_path):
    """Under the names that they have in the module; those of both sides are those of the module."""
    source, module = "torch_by_hand:resnet18", torch_by_hand.resnet18()
    *_, head, tail = check_cut(extract(source), "layer2.0.conv1", source, tmp_path, module)
    values = module.state_dict()
    halves = (head.state_dict, tail.state_dict)
    own = {name for name in values if not name.endswith("num_batches_tracked")}
    assert set(halves[0]) | set(halves[1]) == own
    assert not set(halves[0]) & set(halves[1])
    assert {name for name in own if name.startswith(("conv1", "bn1", "layer1"))} < set(halves[0])
    assert all(torch.equal(values[name], tensor) for half in halves for name, tensor in half.items())
    stored = sum(tensor.numel() * 4 for tensor in halves[0].values())
    assert stored < (tmp_path / "head.pt2").stat().st_size < 1.1 * stored + 200_000


def test_shared_weights_are_in_both_halves(tmp_path):
    """A layer that is called on both sides of a cut goes with both."""
    source = "torch_by_hand:shared"
    *_, head, tail = check_cut(extract(source), "relu", source, tmp_path, torch_by_hand.shared())
    assert set(head.state_dict) == {"fc.weight", "fc.bias"}
    assert set(tail.state_dict) == {"fc.weight", "fc.bias", "last.weight", "last.bias"}


def test_the_input_goes_through_the_head_where_the_tail_reads_it(tmp_path):
    """So that the tail takes what the head returns."""
    source = "torch_by_hand:several"
    profile = extract(source)
    halves = cut(profile, "b", source, tmp_path)
    head, tail = loaded(halves.head), loaded(halves.tail)
    assert head[1]["inputs"] == ["x"]
    assert "x" in [name for name, *_ in halves.crossing]
    made, late = passed(head, tail, halves.crossing, inputs(profile))
    assert list(made) == ["sigmoid"]
    assert list(late) == ["c", "mean"]


def test_state_on_one_side_stays_there(tmp_path):
    """A hidden state goes with the half that writes and reads it, step after step; a cut between is refused."""
    source = "torch_by_hand:Counts"
    profile, module = extract(source), torch_by_hand.Counts()
    halves = cut(profile, "relu", source, tmp_path)
    head, tail = (loaded(path)[0].module() for path in (halves.head, halves.tail))
    for seed in (1, 2, 3):
        x = inputs(profile, seed)
        with torch.no_grad():
            torch.testing.assert_close(tail(*head(x))[0], module(x), rtol=0, atol=1e-5)
    with pytest.raises(ExtractionError, match='"h" changes while it runs, and both halves need it'):
        cut(profile, "b", source, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("name", "reason"), [("Chooses", "chooses a branch"), ("mixed", "under torch.autocast")])
def test_what_the_graph_alone_would_compute_otherwise_is_refused(tmp_path, name, reason):
    """A profile counts the costliest branch and full precision; halves would give other numbers."""
    source = f"torch_by_hand:{name}"
    profile = extract(source)
    with pytest.raises(ExtractionError, match=reason):
        cut(profile, inner(profile)[0], source, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("source", "at"), [("timm:mobileone_s0:deployed", "stages.1"), ("hf:electra", "encoder.layer.5")]
)
def test_sources_without_weights_get_random_ones(tmp_path, source, at):
    """The same each time: those that the library draws from the first seed; a form for inference is kept."""
    profile = extract(source, (1, 3, 64, 64) if source.startswith("timm") else (1, 16))
    halves = cut(profile, at, source, tmp_path)
    assert halves.weights.startswith(f"weights: random, because {source} names a structure")
    head, tail = loaded(halves.head), loaded(halves.tail)
    x = inputs(profile)
    from simulator.profiling.extract.forms import deploy

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if source.startswith("timm"):
            module = torch_by_hand.library("timm", "mobileone_s0").eval()
            deploy(module, source)
        else:
            import transformers

            module = transformers.AutoModel.from_config(transformers.AutoConfig.for_model("electra")).eval()
    _, late = passed(head, tail, halves.crossing, x)
    (whole,) = results(module, x)
    (value,) = late.values()
    size = float(whole.abs().max())
    assert float(whole.std()) > 1e-3 * size
    torch.testing.assert_close(value, whole, rtol=0, atol=1e-5 * size)


def run_cut(profile, *arguments: str):
    """The command itself."""
    return CliRunner().invoke(cli, ["cut", str(profile), *arguments])


def test_the_command_takes_the_source_of_the_profile_or_another(tmp_path, monkeypatch):
    """Two files, what crosses, and which weights; a profile of a structure is cut with the weights of a factory."""
    profile = extract("torch_by_hand:chain")
    file = profile.save(tmp_path / "chain.json")
    done = run_cut(file, "--at", "3", "-o", str(tmp_path / "own"))
    assert done.exit_code == 0, done.output
    assert "3 crosses: 1x8x3x3, 288 bytes" in done.output
    assert "weights: as torch_by_hand:chain gives them" in done.output
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["head.pt2", "tail.pt2"]
    structure = extract("torchvision:resnet18", (1, 3, 32, 32)).save(tmp_path / "resnet.json")
    other = str(tmp_path / "other")
    done = run_cut(structure, "--at", "layer1", "--model", "torch_by_hand:resnet18", "-o", other)
    assert done.exit_code == 0, done.output
    head, _ = loaded(tmp_path / "other" / "head.pt2")
    assert torch.equal(head.state_dict["conv1.weight"], torch_by_hand.resnet18().conv1.weight)


def test_mistakes_are_said_and_nothing_is_written(tmp_path, monkeypatch):
    """Exit code 2 and one line: an unknown cut, an empty side, another model, a place that is taken, no torch."""
    file = extract("torch_by_hand:chain").save(tmp_path / "chain.json")
    folder, taken = tmp_path / "halves", tmp_path / "taken"
    taken.write_text("mine")
    link = tmp_path / "links"
    link.mkdir()
    (link / "tail.pt2").symlink_to(taken)
    wrong = [
        (("--at", "33", "-o", folder), "has no cut called"),
        (("--at", "input", "-o", folder), "leaves one side empty"),
        (("--at", "output", "-o", folder), "leaves one side empty"),
        (("--at", "3", "--model", "torch_by_hand:resnet18", "-o", folder), "has no cut like"),
        (("--at", "3", "--model", "nothing", "-o", folder), "is not a source of a model"),
        (("--at", "3", "-o", taken), "cannot write the halves"),
        (("--at", "3", "-o", link), "cannot write the halves"),
    ]
    for arguments, reason in wrong:
        done = run_cut(file, *map(str, arguments))
        assert (done.exit_code, reason in done.output) == (2, True), done.output
    found = importlib.util.find_spec
    environment.prepare.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))
        done = run_cut(file, "--at", "3", "-o", str(folder))
    assert (done.exit_code, 'pip install "offload-sim[profiling]"' in done.output) == (2, True), done.output
    assert not folder.exists()
    assert taken.read_text() == "mine"
    assert [path.name for path in link.iterdir()] == ["tail.pt2"]
