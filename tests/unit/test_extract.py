"""Extraction on modules small enough to work out by hand."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional

from simulator.errors import ExtractionError
from simulator.profiling.extract import extract
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.capture import capture
from simulator.profiling.extract.environment import quiet, require
from simulator.profiling.extract.sources import Blueprint, blueprint
from simulator.profiling.model import INPUT, ModelProfile, load_profile
from simulator.profiling.partition import bytes_back, find_cut

pytestmark = pytest.mark.torch


class Calling(nn.Module):
    """A module that applies a function to its children and its input."""

    def __init__(self, function, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)
        self._function = function

    def forward(self, tensor):
        return self._function(self, tensor)


def profile(module: nn.Module, *shape: int, dtype: str = "float32") -> ModelProfile:
    """Profile of a module for one input shape."""
    return assemble(Blueprint("small", "tests:small", lambda: module, shape, input_dtype=dtype))


def only(model: ModelProfile, name: str):
    """The one layer of that name."""
    (found,) = [layer for layer in model.graph if layer.name == name]
    return found


def test_quantised_values_are_told_from_numbers():
    """A bottleneck of bytes between two convolutions: integers there, and nowhere else."""

    def quantised(module, tensor):
        coded = (module.encoder(tensor) * 255).to(torch.uint8)
        return module.decoder(coded.to(torch.float32) / 255)

    net = Calling(quantised, encoder=nn.Conv2d(3, 3, 2), decoder=nn.Conv2d(3, 4, 1))
    model = profile(net, 1, 3, 30, 30)
    assert [one.integer_bytes for one in model.graph if one.integer_bytes] == [2523]
    (crossing,) = {cut.bytes for cut in model.cut_points if cut.integer_bytes}
    assert crossing == 2523


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_precision_of_the_model_decides_nothing(dtype):
    """A processor holds numbers at its own precision, whichever the model was written in; integers stay."""

    def forward(m, x):
        return m.fc(x).argmax(-1), m.fc(x).to(torch.float32)

    wide = profile(Calling(forward, fc=nn.Linear(8, 4)), 1, 8)
    narrow = profile(Calling(forward, fc=nn.Linear(8, 4)).to(getattr(torch, dtype)), 1, 8, dtype=dtype)
    assert narrow.input_bytes == wide.input_bytes == 32
    assert narrow.sent_input_bytes == 8 * torch.finfo(getattr(torch, dtype)).bits // 8
    assert narrow.encodings[dtype].size_bytes == narrow.sent_input_bytes
    for mine, its in zip(narrow.graph[:3], wide.graph[:3], strict=True):
        assert (mine.param_bytes, mine.output_bytes, mine.integer_bytes) == (
            its.param_bytes,
            its.output_bytes,
            its.integer_bytes,
        )


def test_indices_beside_values_are_integers():
    """Pooling that also returns where it found the largest values: 4 bytes and 8 bytes each."""

    def unpooled(module, tensor):
        values, places = functional.max_pool2d(module.stem(tensor), 2, return_indices=True)
        return functional.max_unpool2d(values, places, 2)

    model = profile(Calling(unpooled, stem=nn.Conv2d(3, 2, 1)), 1, 3, 8, 8)
    pool = next(one for one in model.graph if one.kind == "pool")
    assert (pool.output_bytes, pool.integer_bytes) == (2 * 16 * (4 + 8), 2 * 16 * 8)


def test_a_result_that_nobody_reads_does_not_cross():
    """The largest of each of 1024 channels without its place (PointNet): 4096 bytes, not 8192 more of indices."""
    net = Calling(lambda m, x: m.fc(torch.max(m.conv(x), 2)[0]), conv=nn.Conv1d(3, 1024, 1), fc=nn.Linear(1024, 4))
    cut = find_cut(profile(net, 1, 3, 16), "max")
    assert (cut.bytes, cut.tensors, cut.integer_bytes) == (4096, 1, 0)


def test_each_result_is_a_tensor_with_its_own_readers():
    """Values are read late, their places at once: after that 8 values cross, without the indices."""

    def both(m, x):
        values, places = torch.max(m.conv(x), 2)
        return m.late(values + m.fc(places.to(torch.float32)))

    net = Calling(both, conv=nn.Conv1d(3, 8, 1), fc=nn.Linear(8, 8), late=nn.Linear(8, 4))
    model = profile(net, 1, 3, 16)
    assert only(model, "max").output_bytes == 8 * (4 + 8)
    assert find_cut(model, "to").bytes == 8 * 4 + 8 * 4
    assert find_cut(model, "fc").bytes == 8 * 4 + 8 * 4


class Features(nn.Module):
    """A map of 16 x 64 x 128 values, a class vector of 10 from it, and a view of either."""

    def __init__(self, with_views: bool) -> None:
        super().__init__()
        self.conv, self.pool, self.fc = nn.Conv2d(3, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Linear(16, 10)
        self._with_views = with_views

    def forward(self, x):
        first = self.conv(x)
        second = self.fc(self.pool(first).flatten(1))
        return (first, second, first.flatten(1), second.view(10), x) if self._with_views else (first, second)


@pytest.mark.parametrize("with_views", [False, True])
def test_what_the_device_has_is_not_sent_down_again(with_views):
    """524 288 bytes made before the cut and 40 after it: 40 come down; views and the input count once or not at all."""
    model = profile(Features(with_views), 1, 3, 64, 128)
    assert model.output_bytes == 524_288 + 40
    assert {"conv", "fc"} <= {model.graph[index].name for index in model.outputs}
    assert [(cut.name, back) for cut, back in zip(model.cut_points, bytes_back(model), strict=True)][:2] == [
        ("input", 524_328),
        ("conv", 40),
    ]
    assert set(bytes_back(model)[1:]) == {40, 0}


@pytest.mark.parametrize(
    ("convolution", "shape", "kind", "macs"),
    [
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), (1, 3, 8, 8), "conv", 8 * 4 * 4 * 3 * 9),
        (nn.Conv2d(4, 6, 1), (1, 4, 5, 5), "pointwise_conv", 6 * 25 * 4),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 6, 6), "depthwise_conv", 8 * 36 * 9),
        (nn.Conv2d(8, 4, 3, padding=1, groups=2), (1, 8, 6, 6), "grouped_conv", 4 * 36 * 4 * 9),
        (nn.Conv2d(3, 8, 3, dilation=2, padding="same"), (1, 3, 7, 7), "conv", 8 * 49 * 3 * 9),
        (nn.Conv1d(4, 6, 5), (1, 4, 20), "conv", 6 * 16 * 4 * 5),
        (nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4), "conv", 3 * 27 * 2 * 8),
        (nn.ConvTranspose2d(4, 2, 2, stride=2), (1, 4, 3, 3), "conv", 9 * 4 * 2 * 4),
    ],
)
def test_a_convolution_costs_outputs_times_taps(convolution, shape, kind, macs):
    """MACs = output elements x input channels per group x kernel extent (input elements, if transposed)."""
    model = profile(nn.Sequential(convolution), *shape)
    assert [(layer.name, layer.kind, layer.macs) for layer in model.graph] == [("0", kind, macs)]
    assert model.params == sum(parameter.numel() for parameter in convolution.parameters())


def test_a_linear_layer_costs_its_weights_once_per_row():
    """Seven rows through 10 x 5 weights are 350 MACs; bias is free but is a parameter."""
    model = profile(nn.Linear(10, 5), 1, 7, 10)
    (layer,) = model.graph
    assert (layer.kind, layer.macs, layer.params, layer.param_bytes) == ("linear", 350, 55, 220)
    assert (layer.input_bytes, layer.output_bytes, layer.output_shape) == (280, 140, (1, 7, 5))


def _fused_attention(self, tensor):
    heads = tensor.reshape(1, 5, 2, 4).transpose(1, 2)
    return functional.scaled_dot_product_attention(heads, heads, heads[..., :3])


def _manual_attention(self, tensor):
    heads = tensor.reshape(1, 5, 2, 4).transpose(1, 2)
    return (heads @ heads.transpose(-1, -2)).softmax(-1) @ heads[..., :3]


@pytest.mark.parametrize("attention", [_fused_attention, _manual_attention])
def test_attention_counts_both_products(attention):
    """Two heads, five queries and keys of width 4, values of width 3: 2 x 5 x 5 x (4 + 3), written either way."""
    model = profile(Calling(attention), 1, 5, 8)
    assert model.macs == 2 * 5 * 5 * (4 + 3)
    assert {layer.kind for layer in model.graph if layer.macs} == {"attention"}


def test_a_product_of_two_computed_tensors_is_no_linear_layer():
    """Without softmax a product is a matmul, broadcast or not: 3 x 4 x 4 x 6 and 1 x 4 x 4 x 6 MACs."""
    batched = profile(Calling(lambda _, x: x @ x.transpose(-1, -2)), 3, 4, 6)
    assert [(layer.kind, layer.macs) for layer in batched.graph if layer.macs] == [("matmul", 3 * 4 * 4 * 6)]
    broadcast = profile(Calling(lambda _, x: x[0] @ x.transpose(-1, -2)), 3, 4, 6)
    assert broadcast.macs == 3 * 4 * 4 * 6


def test_einsum_costs_the_product_of_its_extents():
    """A contraction of b,i,k with b,j,k is b x i x j x k."""
    model = profile(Calling(lambda _, x: torch.einsum("bik,bjk->bij", x, x)), 2, 5, 7)
    assert model.macs == 2 * 5 * 5 * 7


def test_a_recurrent_layer_costs_its_matrices_per_step():
    """LSTM of width 3 over 5 steps of 4 values: 5 x (4 x 3 x 4 + 4 x 3 x 3)."""
    model = profile(Calling(lambda self, x: self.lstm(x)[0], lstm=nn.LSTM(4, 3, batch_first=True)), 1, 5, 4)
    assert [(layer.kind, layer.macs) for layer in model.graph if layer.macs] == [("recurrent", 5 * (48 + 36))]
    assert model.output_bytes == 5 * 3 * 4


def test_a_residual_addition_reads_both_branches_and_is_not_fused():
    """The addition joins the input of the block with its convolution; the cut before it sends both."""
    module = Calling(
        lambda self, x: torch.relu(x := self.stem(x)) + self.conv(x), stem=nn.Conv2d(2, 2, 1), conv=nn.Conv2d(2, 2, 1)
    )
    model = profile(module, 1, 2, 4, 4)
    add = only(model, "add")
    assert sorted(model.graph[source].name for source in add.inputs) == ["conv", "relu"]
    assert (add.kind, add.macs, add.fused_into) == ("elementwise", 0, None)
    assert (find_cut(model, "conv").bytes, find_cut(model, "conv").tensors) == (2 * 128, 2)


def test_a_concatenation_reads_every_branch():
    """Two branches of 2 and 3 channels meet in 5."""
    module = Calling(lambda self, x: torch.cat([self.a(x), self.b(x)], 1), a=nn.Conv2d(1, 2, 1), b=nn.Conv2d(1, 3, 1))
    concat = only(profile(module, 1, 1, 4, 4), "cat")
    assert (concat.kind, concat.inputs, concat.output_shape, concat.input_bytes) == (
        "concat",
        (0, 1),
        (1, 5, 4, 4),
        320,
    )


def _fused(model: ModelProfile) -> dict[str, str]:
    return {layer.name: model.graph[layer.fused_into].name for layer in model.graph if layer.fused_into is not None}


def test_norm_and_activation_are_fused_into_their_convolution():
    """What solely follows a convolution or linear layer runs with it; nothing joins behind an activation."""
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Hardswish(),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(144, 5),
        nn.GELU(),
    )
    model = profile(module, 1, 3, 8, 8)
    assert _fused(model) == {"1": "0", "2": "0", "6": "5"}
    assert [cut.name for cut in model.cut_points] == ["input", "0", "3", "4", "output"]


def test_a_convolution_that_is_read_twice_keeps_its_activation_apart():
    """The unactivated result is needed elsewhere, so the activation cannot replace it."""
    module = Calling(lambda self, x: torch.relu(x := self.conv(x)) + x, conv=nn.Conv2d(1, 1, 1))
    assert _fused(profile(module, 1, 1, 4, 4)) == {}


def test_a_constant_scale_per_channel_is_fused():
    """A frozen batch-norm written as arithmetic folds like a batch-norm; one number per pixel does not."""

    class Scaled(nn.Module):
        def __init__(self, *shape: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 1)
            self.register_buffer("scale", torch.ones(shape))

        def forward(self, x):
            return self.conv(x) * self.scale

    assert _fused(profile(Scaled(1, 3, 1, 1), 1, 1, 4, 4)) == {"mul": "conv"}
    assert _fused(profile(Scaled(1, 1, 4, 4), 1, 1, 4, 4)) == {}


def test_an_operator_that_nobody_counts_makes_the_profile_incomplete():
    """The exponential of a matrix is neither counted nor known to be free, and the profile says so."""
    model = profile(Calling(lambda self, x: torch.linalg.matrix_exp(self.fc(x)), fc=nn.Linear(4, 4)), 1, 4, 4)
    assert model.uncounted == ("aten.linalg_matrix_exp.default",)
    assert not model.complete
    assert model.macs == 64


def test_a_shared_parameter_counts_once_and_its_work_twice():
    """One linear layer applied twice: weights once, MACs twice, two layers with names of their own."""
    model = profile(Calling(lambda self, x: self.fc(self.fc(x)), fc=nn.Linear(4, 4, bias=False)), 1, 4)
    assert (model.params, model.macs) == (16, 32)
    assert [layer.name for layer in model.graph] == ["fc", "fc_1"]


def test_parameters_that_inference_never_reads_are_told_apart():
    """An auxiliary head belongs to the parameters of the network but to no layer."""
    model = profile(Calling(lambda self, x: self.fc(x), fc=nn.Linear(4, 4), auxiliary=nn.Linear(4, 9)), 1, 4)
    assert (model.params, model.unread_params, model.macs) == (20 + 45, 45, 16)


def test_what_depends_on_parameters_alone_is_folded():
    """A product of two parameters is a constant; only the layer that reads it counts."""

    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Parameter(torch.zeros(4, 9)), nn.Parameter(torch.zeros(9, 4))

        def forward(self, x):
            return functional.linear(x, self.left @ self.right)

    model = profile(Folded(), 1, 4)
    assert [(layer.kind, layer.macs, layer.params) for layer in model.graph] == [("linear", 16, 72)]


def test_a_write_through_a_view_is_an_edge_of_the_graph():
    """Half of the tensor is overwritten by a computed half: the result depends on the linear layer."""

    def overwrite(self, x):
        y = x + 1
        y[:, :2] = self.fc(x)
        return y * 2

    model = profile(Calling(overwrite, fc=nn.Linear(4, 2)), 1, 4)
    assert only(model, "fc").macs == 8


def test_halves_of_a_split_tensor_cross_a_cut_once():
    """A split moves no data; both halves alive are the tensor itself."""
    module = Calling(
        lambda self, x: torch.cat([(p := self.fc(x).chunk(2, 1))[0], torch.sigmoid(p[1])], 1), fc=nn.Linear(4, 8)
    )
    model = profile(module, 1, 4)
    halves = [layer for layer in model.graph if layer.kind == "reshape"]
    assert [layer.output_bytes for layer in halves] == [16, 16]
    assert find_cut(model, halves[-1].name).bytes == 32


class Branched(nn.Module):
    """One early exit of 3 classes."""

    exit_names = ("early",)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x):
        middle = self.first(x)
        return self.head(middle), self.second(middle)


def test_an_exit_is_what_only_its_output_needs():
    """The head hangs behind the first layer; totals are those of the trunk."""
    model = profile(Branched(), 1, 4)
    (exit_,) = model.exits
    assert (exit_.name, model.graph[exit_.after].name, exit_.output_bytes) == ("early", "first", 12)
    assert [model.graph[index].name for index in exit_.layers] == ["head.0", "head.1"]
    assert (model.macs, model.params) == (4 * 8 + 8 * 3, 40 + 27)
    assert model.output_bytes == 12


def test_exits_and_outputs_must_agree_in_number():
    """Declaring two exits and returning one is a mistake with a message."""
    module = Branched()
    module.exit_names = ("early", "late")
    with pytest.raises(ExtractionError, match="declares the exits early, late but returns 2 outputs"):
        profile(module, 1, 4)


def test_control_flow_on_values_is_refused():
    """What depends on the values of the input has no fixed graph."""
    with pytest.raises(ExtractionError, match="cannot be captured"):
        profile(Calling(lambda _, x: x if x.sum() > 0 else -x), 1, 4)


def test_an_input_of_the_wrong_shape_is_refused():
    """The message shows the shape that was tried."""
    with pytest.raises(ExtractionError, match="cannot be captured with input 1,5"):
        profile(nn.Linear(4, 4), 1, 5)


def test_a_module_without_work_is_refused():
    """Returning the input is nothing to profile."""
    with pytest.raises(ExtractionError, match="computes nothing"):
        profile(Calling(lambda *_: torch.ones(3)), 1, 4)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("torchvision:resnet5O", "resnet50"),
        ("timm:mobilevit_xz", "mobilevit_xs"),
        ("hf:bort", "bert"),
        ("resnet50", "write torchvision:NAME"),
        ("no.such.module:factory", "cannot be imported"),
        ("simulator.profiling.extract.nets.mlperf_tiny:ds_cn", "ds_cnn"),
        ("torch.nn:Flatten", "give it: --input"),
        ("torchvision:fasterrcnn_resnet50_fpn", "profile its backbone"),
    ],
)
def test_a_source_that_means_nothing_is_met_with_a_hint(source, message):
    """Each wrong source has a message that says what would be right."""
    with pytest.raises(ExtractionError) as caught:
        extract(source)
    assert message in str(caught.value)


def test_a_shape_must_be_a_shape():
    """Zero extents are refused before anything is built."""
    with pytest.raises(ExtractionError, match="is not a shape"):
        extract("torchvision:resnet18", (1, 0, 224, 224))


def test_a_factory_that_builds_no_module_is_refused():
    """Any callable can be named; it has to return a module."""
    with pytest.raises(ExtractionError, match=r"not a torch\.nn\.Module"):
        extract("builtins:list", (1, 2))


def test_a_missing_library_names_the_extra():
    """Without torch, the message says what to install."""
    with pytest.raises(ExtractionError, match=r"offload-sim\[profiling\]"):
        require("no_such_library")


def test_extraction_reaches_for_no_network(monkeypatch):
    """No source opens a connection."""

    def refuse(*_):
        raise AssertionError("extraction opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for source in ("torchvision:resnet18", "timm:mobilenetv1_100", "hf:bert"):
        assert extract(source).macs > 0


def test_weights_are_never_touched():
    """VGG-16 has 138 M parameters; after capture every one is a tensor without data."""
    captured = capture(blueprint("torchvision:vgg16"))
    assert all(isinstance(parameter, FakeTensor) for parameter in captured.module.parameters())


def test_extraction_is_deterministic():
    """The same source gives the same bytes."""
    assert extract("torchvision:resnet18").text == extract("torchvision:resnet18").text


def test_the_first_layer_reads_the_input():
    """The input is index -1, and its encodings are computed from its shape."""
    model = extract("simulator.profiling.extract.nets.mlperf_tiny:resnet8")
    assert model.graph[0].inputs == (INPUT,)
    sizes = {name: encoding.size_bytes for name, encoding in model.encodings.items()}
    assert sizes == {"float32": 12288, "uint8": 3072, "jpeg": 1790}


@pytest.mark.parametrize(
    "name",
    ["resnet18", "tiny_yolov2", "ds_cnn", "resnet50_exits", "bert-base", "densenet169_hnd3", "resnet50_entropic"],
)
def test_a_shipped_profile_is_what_extraction_gives(name):
    """The graph in the file is the graph of the model that it names, and so are its results."""
    shipped = load_profile(name)
    found = extract(shipped.source)
    assert (found.graph, found.outputs) == (shipped.graph, shipped.outputs)


@pytest.mark.slow
def test_the_command_extracts_named_profiles(tmp_path):
    """The command writes one file per profile and says how many."""
    done = _command("ds_cnn", "resnet8", "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ds_cnn.json", "resnet8.json"]
    assert "2 profiles" in done.stderr


def test_the_command_refuses_unknown_names(tmp_path):
    """A misspelt profile is the user's mistake: exit code 2, the nearest name, no traceback."""
    done = _command("resnet80", "-o", str(tmp_path))
    assert done.returncode == 2
    assert "resnet8" in done.stderr
    assert "Traceback" not in done.stderr


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator.profiling.extract", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_libraries_say_stays_theirs(tmp_path) -> None:
    """Warnings and log messages at import, at building and at running a model: nothing on standard error."""
    (tmp_path / "talkative.py").write_text(
        "import logging, sys, warnings\n"
        "from torch import nn\n"
        "log = logging.getLogger('talkative')\n"
        "log.addHandler(logging.StreamHandler(sys.stderr))\n"
        "def say(when):\n"
        "    warnings.warn(f'deprecated at {when}', FutureWarning)\n"
        "    log.warning('defaults at %s', when)\n"
        "say('import')\n"
        "class Net(nn.Conv2d):\n"
        "    def forward(self, x):\n"
        "        say('run')\n"
        "        return super().forward(x)\n"
        "def net():\n"
        "    say('build')\n"
        "    return Net(3, 4, 3)\n"
        "net.input_shape = (1, 3, 8, 8)\n"
    )
    command = [sys.executable, "-m", "simulator", "profile", "talkative:net", "-o", "net.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert done.stderr == ""
    assert (tmp_path / "net.json").is_file()


def test_quiet_ends_with_the_extraction(caplog) -> None:
    """Log messages of the caller are heard again."""
    with quiet():
        logging.getLogger("mine").warning("unheard")
    logging.getLogger("mine").warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]
