"""The example with tokens and the example with a detector show what their comments say."""

from __future__ import annotations

import pytest

import simulator
from simulator.profiling.model import load_profile


@pytest.fixture(scope="module")
def kiosk() -> simulator.Result:
    """Sentences in, labels out."""
    return simulator.run("sentence-kiosk")


@pytest.fixture(scope="module")
def detector() -> simulator.Result:
    """Pictures in, boxes out."""
    return simulator.run("detector-wifi")


def test_a_sentence_is_a_kilobyte_and_a_label_is_eight_bytes(kiosk):
    """128 token ids of eight bytes go up, two scores of four bytes come down."""
    sent = kiosk.requests[kiosk.requests.policy == "edge int64"]
    assert set(sent.bytes_up) == {1024}
    assert set(sent.bytes_down) == {8}


def test_tokens_are_faster_at_the_edge_and_cheaper_on_the_device(kiosk):
    """The server takes about a third of the time, and the tail of the radio costs more than computing."""
    rows = kiosk.summary.set_index("policy")
    assert rows.latency_mean_s["edge int64"] / rows.latency_mean_s["local"] == pytest.approx(1 / 3, abs=0.05)
    assert rows.energy_mean_j["edge int64"] > rows.energy_mean_j["local"]


def test_a_picture_goes_up_as_jpeg_and_boxes_come_down(detector):
    """The mean JPEG of COCO; 300 boxes of six numbers of four bytes."""
    sent = detector.requests[detector.requests.policy == "edge jpeg"]
    assert set(sent.bytes_up) == {163_117}
    assert set(sent.bytes_down) == {300 * 6 * 4}


def test_nothing_inside_the_detector_is_smaller_than_its_jpeg():
    """64 channels of 80x80, the least that crosses, are ten times the JPEG."""
    profile = load_profile("yolov8n")
    least = min(cut.bytes for cut in profile.cut_points if cut.name not in ("input", "output"))
    assert least == 4 * 64 * 80**2 == 1_638_400
    assert least > 10 * profile.encodings["jpeg"].size_bytes


def test_the_edge_has_the_better_median_and_the_worse_tail(detector):
    """A WiFi that stalls: 0.19 s instead of 0.30 s for half of the pictures, more than 0.4 s for one in ten."""
    latency = detector.requests.groupby("policy").latency_s
    median, late = latency.quantile(0.5), latency.quantile(0.9)
    assert median["edge jpeg"] == pytest.approx(0.19, abs=0.02)
    assert median["local"] == pytest.approx(0.30, abs=0.01)
    assert late["edge jpeg"] > 0.4 > late["local"]
    energy = detector.summary.set_index("policy").energy_mean_j
    assert energy["edge jpeg"] < energy["local"]
