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

#: how to build what runs at inference
ARGUMENTS = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"init_weights": False}}


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

    module = models.get_model(name, weights=None, **ARGUMENTS.get(name, {})).eval()
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
            plain = {"training": kept, "do_constant_folding": False}  # every parameter stays as the module has it
            torch.onnx.export(module, (torch.zeros(shape),), path, input_names=["x"], dynamo=False, **plain)
    del declarations
    return path


def draw_weights(module) -> None:
    """No two tensors alike: exporters store equal ones once."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-0.1, 0.1, generator=draw)


def splits(profile: ModelProfile) -> list[tuple[int, int]]:
    """MACs before and bytes at every cut."""
    return [(cut.macs_before, cut.bytes) for cut in profile.cut_points]


#: names of layers are equal too, but for those that move data by other words
QUICK = ("resnet18", "mobilenet_v3_small", "densenet121", "squeezenet1_1", "googlenet", "mnasnet0_5")
OTHER_WORDS = ("shufflenet_v2_x0_5",)
LARGE = ("alexnet", "vgg11_bn", "efficientnet_b0", "regnet_y_400mf", "resnext50_32x4d", "wide_resnet50_2")
LARGE_OTHER_WORDS = ("vit_b_32", "maxvit_t", "convnext_tiny")


@pytest.mark.parametrize(
    "name", [*QUICK, *OTHER_WORDS, *(pytest.param(one, marks=pytest.mark.slow) for one in LARGE + LARGE_OTHER_WORDS)]
)
def test_a_classifier_exported_by_name(exported, name):
    """MACs, parameters, names, bytes at cuts and number of cuts are those of the module's profile."""
    wanted, found = load_profile(name), read_onnx(str(exported(name)))
    assert (found.macs, found.params, found.complete) == (wanted.macs, wanted.params, True)
    assert splits(found) == splits(wanted)
    if name not in OTHER_WORDS + LARGE_OTHER_WORDS:
        assert [layer.name for layer in found.graph] == [layer.name for layer in wanted.graph]
        assert [layer.kind for layer in found.graph] == [layer.kind for layer in wanted.graph]


@pytest.mark.slow
def test_what_the_file_of_inception_leaves_out(exported):
    """Its file has neither the classifier for training nor the concatenations that others only join to more."""
    wanted, found = load_profile("inception_v3"), read_onnx(str(exported("inception_v3")))
    readers: dict[int, set[int]] = {}
    for index, layer in enumerate(wanted.graph):
        for source in layer.inputs:
            readers.setdefault(source, set()).add(index)
    joined = [
        index
        for index, layer in enumerate(wanted.graph)
        if layer.kind == "concat" and {wanted.graph[one].kind for one in readers.get(index, ())} == {"concat"}
    ]
    assert (found.macs, found.params) == (wanted.macs, wanted.params - wanted.unread_params)
    assert (wanted.unread_params, len(joined)) == (3_326_696, 4)
    assert len(found.cut_points) == len(wanted.cut_points) - len(joined)
    assert list(dict.fromkeys(splits(found))) == list(dict.fromkeys(splits(wanted)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "tables"), [("swin_t", 0), ("swin_v2_t", 12 * 450)])
def test_window_networks(exported, name, tables):
    """Masks are no parameters; a table of coordinates that each of twelve layers keeps looks like one, in a file.

    Each of three mergings reads four corners by eight slices, two of which are equal pairs: a file has six of them.
    """
    wanted, found = load_profile(name), read_onnx(str(exported(name)))
    assert (found.macs, found.params) == (wanted.macs, wanted.params + tables)
    assert len(found.cut_points) == len(wanted.cut_points) - 3 * 2


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
    assert set(splits(found)) == set(splits(wanted))  # a view more or less makes no other cut
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
