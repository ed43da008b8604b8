"""Target P2, the model: Tiny-YOLOv2 as split by Hu et al. (INFOCOM 2019, figures 1-3)."""

from __future__ import annotations

import pytest

from simulator.profiling.model import load_profile
from simulator.profiling.partition import find_cut

#: shape behind each module at 3x288x288
SHAPES = {
    "conv1": (16, 288, 288),
    "max1": (16, 144, 144),
    "conv2": (32, 144, 144),
    "max2": (32, 72, 72),
    "conv3": (64, 72, 72),
    "max3": (64, 36, 36),
    "conv4": (128, 36, 36),
    "max4": (128, 18, 18),
    "conv5": (256, 18, 18),
    "max5": (256, 9, 9),
    "conv6": (512, 9, 9),
    "max6": (512, 9, 9),
    "conv7": (1024, 9, 9),
    "conv8": (1024, 9, 9),
    "conv9": (125, 9, 9),
}


def test_macs_sum_to_the_published_total():
    """The layers of the architecture sum to 1670.6 M multiply-accumulates."""
    assert load_profile("tiny_yolov2").macs / 1e6 == pytest.approx(1670.6, abs=0.05)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_those_of_the_paper(name):
    """Behind every module of the table stands its tensor."""
    shapes = {layer.name: layer.output_shape for layer in load_profile("tiny_yolov2").graph}
    assert shapes[name] == (1, *SHAPES[name])


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "conv9"])
def test_cuts_send_float32_tensors_of_those_shapes(name):
    """A cut behind a module sends four bytes per element of its output."""
    channels, height, width = SHAPES[name]
    cut = find_cut(load_profile("tiny_yolov2"), name)
    assert (cut.name, cut.bytes, cut.tensors) == (name, 4 * channels * height * width, 1)


def test_the_whole_input_is_float32():
    """3x288x288 elements of four bytes."""
    assert find_cut(load_profile("tiny_yolov2"), "input").bytes == 3 * 288 * 288 * 4
