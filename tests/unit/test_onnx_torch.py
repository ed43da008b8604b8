"""Files that PyTorch exported say what a profile of the module itself says."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch
from test_onnx_halves import check_cut

from simulator.profiling.extract import extract
from simulator.profiling.extract.environment import prepare
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.onnx import read_onnx

pytestmark = pytest.mark.torch

#: operators that do nothing at inference: layers of a module's profile, absent from a file
IDLE = ("dropout", "contiguous")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Files of torchvision's classifiers, each exported once."""
    folder, files = tmp_path_factory.mktemp("exported"), {}

    def file(name: str, newer: bool = False):
        if (name, newer) not in files:
            files[name, newer] = export(folder / f"{name}_{newer}.onnx", name, newer)
        return files[name, newer]

    return file


def export(path, name: str, newer: bool):
    """A torchvision classifier with random weights, its batch norms kept by the older exporter."""
    declarations = prepare()
    from torchvision import models

    arguments = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    module = models.get_model(name, weights=None, **arguments).eval()
    draw_weights(module)
    shape = load_profile(name).input_shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if newer:
            torch.onnx.export(
                module, (torch.zeros(shape),), path, input_names=["x"], dynamo=True, verbose=False, external_data=False
            )
        else:
            kept = torch.onnx.TrainingMode.PRESERVE
            torch.onnx.export(module, (torch.zeros(shape),), path, input_names=["x"], dynamo=False, training=kept)
    del declarations
    return path


def draw_weights(module) -> None:
    """No two tensors alike: exporters store equal ones once."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-0.1, 0.1, generator=draw)


def splits(profile: ModelProfile) -> list[tuple[int, int]]:
    """MACs before and bytes at every cut, without cuts behind a reshape that only repeat the one before."""
    kinds = {layer.name: layer.kind for layer in profile.graph}
    found: list[tuple[int, int]] = []
    for cut in profile.cut_points:
        split = (cut.macs_before, cut.bytes)
        if kinds.get(cut.name) != "reshape" or split != found[-1]:
            found.append(split)
    return found


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "shufflenet_v2_x0_5", "googlenet"])
def test_a_classifier_exported_by_name(exported, name):
    """MACs, parameters, names, bytes at cuts and number of cuts are those of the module's profile."""
    wanted, found = load_profile(name), read_onnx(str(exported(name)))
    layers = [layer for layer in wanted.graph if not any(idle in layer.op for idle in IDLE)]
    assert (found.macs, found.params, found.complete) == (wanted.macs, wanted.params, True)
    assert splits(found) == splits(wanted)
    assert len(found.cut_points) == len(wanted.cut_points) - (len(wanted.graph) - len(layers))
    if name != "shufflenet_v2_x0_5":  # whose channel shuffles are written by other words
        assert [layer.name for layer in found.graph] == [layer.name for layer in layers]
        assert [layer.kind for layer in found.graph] == [layer.kind for layer in layers]


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_a_classifier_whose_batch_norms_were_folded(exported, name):
    """The newer exporter folds them: one parameter per channel fewer, everything else is the same."""
    wanted, found = load_profile(name), read_onnx(str(exported(name, newer=True)))
    folded = sum(layer.params for layer in wanted.graph if "batch_norm" in layer.op)
    assert (found.macs, found.params, found.complete) == (wanted.macs, wanted.params - folded // 2, True)
    assert splits(found) == splits(wanted)
    convolutions = [layer.name for layer in wanted.graph if "conv" in layer.kind]
    assert [layer.name for layer in found.graph if "conv" in layer.kind] == convolutions


def small_transformer() -> torch.nn.Module:
    """Two layers of attention over nine tokens."""
    declarations = prepare()
    from torchvision.models import VisionTransformer

    module = VisionTransformer(48, 16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=7)
    del declarations
    return module


small_transformer.input_shape = (1, 3, 48, 48)


@pytest.mark.parametrize("newer", [False, True])
def test_attention_is_found_again(tmp_path, newer):
    """Both exporters write attention as many operators; it is one layer again."""
    wanted = extract("test_onnx_torch:small_transformer")
    module = small_transformer().eval()
    draw_weights(module)
    path, example = tmp_path / "m.onnx", (torch.zeros(1, 3, 48, 48),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, path, input_names=["x"], dynamo=newer, verbose=False)
    found = read_onnx(str(path))
    assert (found.macs, found.params, found.complete) == (wanted.macs, wanted.params, True)
    assert splits(found) == splits(wanted)
    assert [layer.macs for layer in found.graph if layer.kind == "attention"] == [2 * 10 * 10 * 64] * 2
    for place, cut in enumerate(cut for cut in wanted.cut_points if cut.macs_before and cut.macs_after):
        if place % 5 == 0:
            check_cut(wanted, cut.name, path, tmp_path / str(place))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "densenet121", "shufflenet_v2_x0_5"])
def test_halves_of_a_classifier_at_cuts_of_its_torch_profile(exported, tmp_path, name):
    """A profile of the module cuts the file that was exported from it; the halves compute what the whole does."""
    profile, source = load_profile(name), exported(name)
    inner = [cut.name for cut in profile.cut_points if cut.macs_before and cut.macs_after]
    for place in (1, len(inner) // 2, len(inner) - 1):
        check_cut(profile, inner[place], source, tmp_path / str(place))
