"""Profiles of detectors, segmentation, texts and sound have the size that publishers state or that hands count."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simulator.profiling.model import load_profile

pytestmark = pytest.mark.engine_free


def _conv(width: int, height: int, before: int, after: int, kernel: int) -> int:
    """Multiply-accumulates of a convolution that makes a picture of this size."""
    return width * height * before * after * kernel**2


def test_yolov8n_is_the_published_network():
    """3 157 200 parameters, 16 of them the fixed distances, and 4 371 993 600 multiply-accumulates at 640x640."""
    profile = load_profile("yolov8n")
    assert profile.complete
    assert (profile.params, profile.macs) == (3_157_200, 4_371_993_600)
    assert profile.input_shape == (1, 3, 640, 640)
    assert [layer.params for layer in profile.graph if layer.name == "mean.conv2d"] == [16]


def test_three_strides_of_a_detector_are_one_result():
    """80x80, 40x40 and 20x20 places with four sides and 80 scores each: 8400 x 84 numbers come back from any cut."""
    profile = load_profile("yolov8n")
    places = sum((640 // stride) ** 2 for stride in (8, 16, 32))
    assert profile.outputs == ()  # nothing but the last layer of the graph
    assert profile.graph[-1].output_shape == (1, 84, places)
    assert profile.output_bytes == 84 * places * 4 == 2_822_400
    shapes = {layer.name: layer.output_shape for layer in profile.graph}
    heads = [shapes[f"head{level}.cat"] for level in (3, 4, 5)]
    assert heads == [(1, 4 * 16 + 80, side, side) for side in (80, 40, 20)]


@pytest.mark.torch
def test_boxes_are_decoded_from_mean_distances():
    """All of a side's distances alike: 7.5 cells on average, so 15 wide around the middle of each cell; scores 1/2.

    One side certain of 3 cells to the left: the box is 3 + 7.5 cells wide, its centre (7.5 - 3) / 2 to the right.
    """
    torch = pytest.importorskip("torch")
    from simulator.profiling.extract.nets.yolov8 import YoloV8

    grids = [torch.zeros(1, 144, 8 // scale, 16 // scale) for scale in (1, 2, 4)]
    grids[2][0, 3, 1, 2] = 1e4  # stride 32, second row, third column: the left side is 3 cells away
    with torch.no_grad():
        found = YoloV8().decode(grids)[0]
    assert found.shape == (84, 8 * 16 + 4 * 8 + 2 * 4)
    assert found[:4, 0].tolist() == pytest.approx([4, 4, 15 * 8, 15 * 8])
    assert found[:4, 17].tolist() == pytest.approx([1.5 * 8, 1.5 * 8, 15 * 8, 15 * 8])
    assert found[:4, 160 + 6].tolist() == pytest.approx([(2.5 + 2.25) * 32, 1.5 * 32, 10.5 * 32, 15 * 32])
    assert (found[4:] == 0.5).all()


def test_a_cut_behind_the_backbone_of_a_detector_sends_three_resolutions():
    """What the neck reads: 64 channels of 80x80, 128 of 40x40 and 256 of 20x20."""
    cut = {cut.name: cut for cut in load_profile("yolov8n").cut_points}["pool5.join.conv"]
    assert cut.tensors == 3
    assert cut.bytes == 4 * (64 * 80**2 + 128 * 40**2 + 256 * 20**2)


def test_unet_by_hand():
    """31 037 698 parameters with colour pictures and two classes; at 256x256 each convolution by its formula."""
    widths = (64, 128, 256, 512, 1024)
    params = macs = 0
    for level, (before, after) in enumerate(pairwise((3, *widths))):
        side = 256 >> level
        for inner in (before, after):
            params += 9 * inner * after + 2 * after  # and a batch norm
            macs += _conv(side, side, inner, after, 3)
    for level, (after, before) in enumerate(pairwise(widths)):
        side = 256 >> level
        params += 4 * before * after + after  # the transposed convolution has a bias and does not overlap
        macs += side**2 * before * after
        for inner in (before, after):
            params += 9 * inner * after + 2 * after
            macs += _conv(side, side, inner, after, 3)
    params += 64 * 2 + 2
    macs += _conv(256, 256, 64, 2, 1)
    profile = load_profile("unet")
    assert profile.complete
    assert params == 31_037_698
    assert (profile.params, profile.macs) == (params, macs)


@pytest.mark.parametrize(("layer", "bottom"), [("pool_3", 512), ("bottom.conv1", 1024), ("bottom.conv2", 1024)])
def test_a_cut_in_the_bottleneck_holds_all_four_skips(layer, bottom):
    """Each resolution's features wait for the way up: they cross with what the bottleneck has made."""
    profile = load_profile("unet")
    cut = {cut.name: cut for cut in profile.cut_points}[layer]
    skips = [64 * 256**2, 128 * 128**2, 256 * 64**2, 512 * 32**2]
    assert cut.tensors == len(skips) + 1
    assert cut.bytes == 4 * (sum(skips) + bottom * 16**2)


@pytest.mark.parametrize(("name", "skips"), [("up4.convs.conv2", 3), ("up3.convs.conv2", 2), ("up2.convs.conv2", 1)])
def test_skips_that_were_read_cross_no_more(name, skips):
    """On the way up one skip after the other is used."""
    cut = {cut.name: cut for cut in load_profile("unet").cut_points}[name]
    assert cut.tensors == skips + 1


def test_whisper_tiny_encoder_by_hand():
    """Four layers of width 384 over 1500 frames; keys have no bias, positions are 1500 x 384 numbers."""
    width, inner, frames, layers = 384, 4 * 384, 1500, 4
    params = (80 * 3 * width + width) + (width * 3 * width + width) + frames * width + 2 * width
    params += layers * ((4 * width**2 + 3 * width) + (2 * width * inner + inner + width) + 2 * 2 * width)
    macs = 2 * frames * width * 80 * 3 + frames * width * width * 3
    macs += layers * (4 * frames * width**2 + 2 * frames**2 * width + 2 * frames * width * inner)
    profile = load_profile("whisper_tiny_encoder")
    assert profile.complete
    assert params == 8_208_384
    assert (profile.params, profile.macs) == (params, macs)
    assert profile.output_bytes == frames * width * 4


def test_sound_may_be_sent_as_a_spectrogram_or_as_opus():
    """80 bands x 3000 frames of float32, or 30 s at 20 kbit/s."""
    encodings = load_profile("whisper_tiny_encoder").encodings
    assert encodings["float32"].size_bytes == 80 * 3000 * 4
    assert encodings["opus"].size_bytes == 30 * 20_000 / 8
    assert encodings["opus"].estimated
    assert "jpeg" not in encodings


def test_distilbert_by_hand():
    """66 362 880 parameters: 30 522 words, 512 positions, six layers of width 768 and no pooler; 128 tokens."""
    width, inner, tokens, layers = 768, 4 * 768, 128, 6
    params = (30_522 + 512) * width + 2 * width
    params += layers * (4 * (width**2 + width) + (2 * width * inner + inner + width) + 2 * 2 * width)
    macs = layers * (4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * inner)
    profile = load_profile("distilbert-base")
    assert profile.complete
    assert params == 66_362_880
    assert (profile.params, profile.macs) == (params, macs)
    assert {name: each.size_bytes for name, each in profile.encodings.items()} == {"int64": 128 * 8}


def test_efficientformer_is_as_large_as_published():
    """12.3 M parameters, 1.3 GMACs at 224x224 (timm's model card), 79.2 % (Li et al., arXiv 2206.01191)."""
    profile = load_profile("efficientformer_l1")
    assert profile.complete
    assert profile.params / 1e6 == pytest.approx(12.3, abs=0.05)
    assert profile.macs / 1e9 == pytest.approx(1.3, abs=0.05)
    assert profile.top1 == 0.792
    assert profile.output_bytes == 4000  # both heads, averaged


def test_a_detectors_pictures_are_those_of_its_data_set():
    """815 585 330 bytes of COCO val2017 in 5000 files."""
    assert load_profile("yolov8n").encodings["jpeg"].size_bytes == round(815_585_330 / 5000)


@pytest.mark.parametrize("name", ["yolov8n", "unet", "whisper_tiny_encoder", "distilbert-base"])
def test_what_is_no_classifier_states_no_top1_accuracy(name):
    """Mean average precision, overlap and word errors are other measures."""
    assert load_profile(name).top1 is None


@pytest.mark.parametrize("name", ["yolov8n", "unet", "whisper_tiny_encoder", "efficientformer_l1"])
@pytest.mark.torch
def test_what_ships_is_what_is_extracted(name):
    """The shipped file is the profile of its source."""
    pytest.importorskip("torch")
    from simulator.profiling.extract import extract

    shipped = load_profile(name)
    assert extract(shipped.source).graph == shipped.graph
