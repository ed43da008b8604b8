"""A bottleneck that is injected into a model sends what it says, and the network behind it gets its old shape back."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch

from simulator.cli import cli
from simulator.errors import ExtractionError
from simulator.profiling.extract import cut, extract
from simulator.profiling.extract.bottleneck import (
    BITS,
    Bottleneck,
    Dequantiser,
    Quantiser,
    crossing_bytes,
)
from simulator.profiling.extract.crosscheck import crosscheck
from simulator.profiling.extract.environment import prepare, quiet
from simulator.profiling.graph import size_at
from simulator.profiling.model import load_profile
from simulator.profiling.partition import find_cut

pytestmark = pytest.mark.torch

RESNET = "torchvision:resnet18+bottleneck:"

#: a network of three maps, where a relu is called twice, a module returns two tensors, and an operator ends the model
OWN = """import torch
from torch import nn
class Two(nn.Module):
    def forward(self, x):
        return x[:, :4], x[:, 4:]
class Own(nn.Module):
    input_shape = (1, 3, 17, 23)
    def __init__(self):
        super().__init__()
        self.first, self.second, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3), nn.ReLU()
        self.two, self.last = Two(), nn.Conv2d(4, 4, 1)
    def forward(self, x):
        x = self.relu(self.second(self.relu(self.first(x))))
        a, b = self.two(x)
        return torch.relu(self.last(torch.relu(a + b)))
"""


def at_encoder(profile):
    """The cut behind the encoder of a bottleneck."""
    return find_cut(profile, "bottleneck.encoder")


@pytest.mark.parametrize(
    ("written", "elements", "bits"),
    [
        ("at=layer2,channels=12,stride=2,bits=8", 12 * 14 * 14, 8),
        ("at=layer2,channels=12,stride=3,bits=4", 12 * 10 * 10, 4),
        ("at=layer2.0,channels=3,stride=5,bits=2", 3 * 6 * 6, 2),
        ("at=conv1,channels=5,stride=9,bits=1", 5 * 13 * 13, 1),
        ("at=layer1.0.relu_1,channels=7,bits=16", 7 * 56 * 56, 16),
    ],
)
def test_the_cut_behind_the_encoder_sends_its_elements_in_so_many_bits(written, elements, bits):
    """One tensor of elements x bits / 8 bytes, the last one filled up, at every precision of a processor."""
    profile = extract(RESNET + written)
    found = at_encoder(profile)
    size = -(-elements * bits // 8)
    assert (found.bytes, found.integer_bytes, found.tensors) == (size, size, 1)
    assert size_at(2, float(found.bytes), float(found.integer_bytes)) == size
    assert profile.complete


def test_without_a_quantiser_floating_point_numbers_cross():
    """``bits=32``: four bytes an element, and half of them on a processor of half precision."""
    found = at_encoder(extract(RESNET + "at=layer2,channels=12,stride=2,bits=32"))
    assert (found.bytes, found.integer_bytes) == (4 * 12 * 14 * 14, 0)


def test_everything_but_the_bottleneck_stays_as_it_was():
    """The other layers keep names, costs and shapes; the bottleneck adds two convolutions of 3 x 3 taps."""
    plain = load_profile("resnet18")
    profile = extract(RESNET + "at=layer2,channels=12,stride=2,bits=8")
    told = ("name", "macs", "params", "output_shape")
    rest = [layer for layer in profile.graph if not layer.name.startswith("bottleneck.")]
    assert [[getattr(layer, key) for key in told] for layer in rest] == [
        [getattr(layer, key) for key in told] for layer in plain.graph
    ]
    # either way each of the 12 x 14 x 14 values meets 128 x 9 weights; two norms have two numbers a channel
    assert profile.macs - plain.macs == 2 * 12 * 14 * 14 * 128 * 9
    assert profile.params - plain.params == 2 * 12 * 128 * 9 + 2 * (12 + 128)
    assert at_encoder(profile).macs_before == find_cut(plain, "layer2").macs_before + 12 * 14 * 14 * 128 * 9
    assert (profile.top1, profile.name) == (None, "resnet18_bottleneck")


def test_tokens_get_linear_layers():
    """Of 50 tokens of 768 features 64 features each cross, in two bits."""
    profile = extract("torchvision:vit_b_32+bottleneck:at=encoder.layers.encoder_layer_3,channels=64,bits=2")
    assert at_encoder(profile).bytes == 50 * 64 * 2 // 8
    assert profile.macs - load_profile("vit_b_32").macs == 2 * 50 * 768 * 64


@settings(max_examples=60)
@given(st.integers(1, 9), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.data())
def test_what_really_crosses_has_the_stated_bytes_and_the_old_shape_comes_back(channels, height, width, own, few, data):
    """For every map, stride and number of bits, by running the modules."""
    stride = data.draw(st.integers(1, min(height, width)))
    bits = data.draw(st.sampled_from(BITS))
    shape = (1, own, height, width)
    with quiet(), torch.no_grad():
        module = Bottleneck(shape, few, stride, bits).eval()
        sent = module.encoder(torch.rand(shape))
        assert sent.numel() * sent.element_size() == crossing_bytes(shape, few, stride, bits)
        assert bits > 8 or sent.dtype == torch.uint8
        assert module.decoder(sent).shape == shape


@settings(max_examples=60)
@given(st.sampled_from(BITS[:-1]), st.integers(1, 40), st.floats(-5, 0), st.floats(0.5, 5), st.integers(0, 2**32))
def test_dequantised_values_are_within_half_a_step(bits, count, low, high, seed):
    """|error| <= scale / 2 for values of the range, and the zero is exact: it is a level of its own (Jacob et al.)."""
    draw = torch.Generator().manual_seed(seed)
    step = (high - low) / (2**bits - 1)
    zero = round(-low / step) * step  # the range shifts by less than half a step so that zero is a level
    values = torch.rand(count, generator=draw) * (high - low) - zero
    restored = Dequantiser(bits, (low, high), (count,))(Quantiser(bits, (low, high))(values))
    assert float((restored - values).abs().max()) <= step / 2 * (1 + 1e-3)
    assert not Dequantiser(bits, (low, high), (3,))(Quantiser(bits, (low, high))(torch.zeros(3))).any()


def test_both_halves_compute_what_the_whole_computes(tmp_path):
    """``cut`` at the encoder: the head returns the bytes that cross, the tail takes them."""
    profile = extract(RESNET + "at=layer2,channels=12,stride=2,bits=4")
    halves = cut(profile, "bottleneck.encoder", profile.source, tmp_path)
    assert [(shape, size) for _, shape, size in halves.crossing] == [((1176,), 1176)]
    with quiet(), torch.no_grad():
        head, tail = (torch.export.load(path).module() for path in (halves.head, halves.tail))
        (sent,) = head(torch.rand(profile.input_shape))
        assert (sent.dtype, sent.numel()) == (torch.uint8, 1176)
        (logits,) = tail(sent)
    assert logits.shape == (1, 1000)


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("at=layr2,channels=3", 'no cut called "layr2"', "did you mean layer2"),
        ("at=input,channels=3", 'the cut "input" leaves one side empty', "between its first and its last layer"),
        ("at=layer2.0.conv1,channels=3", "2 tensors cross there", "one fits at layer1.1 and at layer2.0"),
        ("at=avgpool,channels=3,stride=2", "1x512x1x1", "a stride of at most 1"),
        ("at=layer4,channels=3,stride=8", "1x512x7x7", "a stride of at most 7"),
        ("at=layer4,channels=4000", "196000 bytes", "100352 bytes (1x512x7x7)"),
        ("at=layer4,channels=3,bits=7", "values of 7 bits", "1, 2, 4, 8, 16, or 32"),
        ("at=layer4,channels=0", 'channels "0"', "at=layer2"),
        ("at=layer4,channels=3,strid=2", '"strid=2"', "did you mean stride?"),
        ("channels=3", '"at" is missing', "at=layer2"),
        ("at=layer4", '"channels" is missing', "at=layer2"),
        ("at=layer4,channels=3,channels=4", '"channels" is given twice', "at=layer2"),
        ("", '"" is not understood', "at=layer2"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(written, message, hint):
    """Each mistake with its value and the way out."""
    with pytest.raises(ExtractionError) as raised:
        extract(RESNET + written)
    assert message in str(raised.value)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("first", "no module called once returns it"),  # the relu that is fused into it is called again elsewhere
        ("two", "no module called once returns it"),  # both parts of one tensor
        ("relu", "no module called once returns it"),
        ("last", "leaves one side empty"),  # the operator behind it ends the model
    ],
)
def test_a_tensor_that_no_module_returns_gets_none(tmp_path: Path, monkeypatch, at, said):
    """The hook behind a module sees only what the module returns, so nothing else is led through a bottleneck."""
    (tmp_path / "own_net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExtractionError, match=said):
        extract(f"own_net:Own+bottleneck:at={at},channels=1,stride=2")


def test_on_the_command_line(tmp_path: Path):
    """The option goes into the source of the profile; a mistake ends with exit code 2 and leaves no file."""
    file = tmp_path / "net.json"
    order = ["profile", "torchvision:resnet18", "-o", str(file), "--bottleneck"]
    wrong = CliRunner().invoke(cli, [*order, "at=layer9,channels=12"])
    assert (wrong.exit_code, file.exists()) == (2, False)
    assert "did you mean" in wrong.output
    done = CliRunner().invoke(cli, [*order, "at=layer2,channels=12,stride=2,bits=8", "--top1", "0.68"])
    assert done.exit_code == 0, done.output
    profile = load_profile(file)
    assert profile.source == RESNET + "at=layer2,channels=12,stride=2,bits=8"
    assert (profile.top1, profile.top1_source) == (0.68, "given by the user")


@pytest.mark.parametrize("name", ["distilled_heads:inception_v3_hnd12", "entropic_student:resnet50_entropic"])
def test_another_counter_agrees(name):
    """The multiply-accumulates that PyTorch's own counter sees, to the last one."""
    prepare()
    found = crosscheck(f"simulator.profiling.extract.nets.{name}")
    assert (found.outcome, found.macs) == ("exact", found.counter_macs)


def test_an_onnx_file_has_no_module_to_inject_into(tmp_path: Path):
    """Said with what to give instead."""
    done = CliRunner().invoke(
        cli, ["profile", "net.onnx", "--bottleneck", "at=a,channels=3", "-o", str(tmp_path / "x")]
    )
    assert done.exit_code == 2
    assert "package.module:factory" in done.output
