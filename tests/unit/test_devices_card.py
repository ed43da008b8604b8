"""Device cards: what is refused, with which words, and what fits into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from layers_by_hand import layer, profile

from simulator.devices.card import Card, load_card
from simulator.errors import CardError, NotFoundError
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import ModelProfile, load_profile

pytestmark = pytest.mark.engine_free

GOOD = """\
name: mine
title: "A card by hand"
role: device
precision: float32
compute:
  kind: roofline
  rates:
    conv: {value: "4 GMAC/s", source: "a paper"}
    default: {value: "1 GMAC/s", estimated: "a guess"}
  bandwidth: {value: "2 GB/s", source: "a paper"}
  overhead: {value: "10 us", estimated: "a guess"}
memory: {value: "1 GB", source: "a paper"}
idle_power: {value: "2 W", source: "a paper"}
active_power: {value: "5 W", source: "a paper"}
"""


def load(folder: Path, text: str) -> Card:
    """Card of a file with this text."""
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_card(str(path))


def complaint(folder: Path, text: str) -> str:
    """What is said about a file with this text."""
    with pytest.raises(CardError) as caught:
        load(folder, text)
    return str(caught.value)


def test_good_card_reads_in_si_units(tmp_path: Path) -> None:
    """Strings with units become SI floats; what is left out is one worker, no storage, no variability."""
    card = load(tmp_path, GOOD)
    assert (card.memory_bytes, card.idle_w, card.active_w, card.element_bytes) == (1e9, 2.0, 5.0, 4)
    assert (card.workers, card.storage_bytes, card.variability) == (1, None, None)


#: a speed-up with its origin
FASTER = '{value: 2, source: "a paper"}'


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('{value: "2 W", source: "a paper"}', '"2 W"', 13, "does not say where it comes from"),
        ('{value: "2 W", source: "a paper"}', '{value: "2 W"}', 13, "neither source nor estimated"),
        ('"2 W", source', '"2 W", estimated: "b", source', 13, "both source and estimated"),
        ('"2 W"', '"2 kB"', 13, 'unit "kB" of "2 kB" is not a unit of power'),
        ('"2 W"', "2", 13, "2 has no unit"),
        ('"1 GB"', '"-1 GB"', 12, "must be more than zero"),
        ('"4 GMAC/s"', '"nan GMAC/s"', 8, "is not a compute rate"),
        ("conv:", "conw:", 8, '"conw" is not a kind of layer'),
        ("    default:", "    linear:", 8, "rates has no default"),
        ("kind: roofline", "kind: rooflin", 6, '"rooflin" is not a kind of compute model'),
        ("role: device", "role: phone", 3, '"phone" is not a choice here'),
        ("memory:", "memry:", 12, 'unknown field "memry"'),
        ("name: mine", "name: yours", 1, 'the card calls itself "yours"'),
        ("precision: float32", "precision: float32\nprecisions: {int7: 2}", 5, "int7"),
        ("precision: float32", "precision: float32\nprecisions: {int8: 2}", 5, "does not say where it comes from"),
        ("precision: float32", f"precision: float32\nprecisions: {{float32: {FASTER}}}", 5, "of the card itself"),
    ],
)
def test_mistake_is_shown_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """One wrong entry: file, line and the value shown."""
    text = complaint(tmp_path, GOOD.replace(old, new, 1))
    assert says in text
    assert f"mine.yaml:{line}:" in text


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    """Three mistakes in three places, also inside the compute model: three problems."""
    text = GOOD.replace("device", "phone", 1).replace('"2 GB/s"', '"2 s"').replace('"5 W"', '"5"')
    with pytest.raises(CardError) as caught:
        load(tmp_path, text)
    assert [problem.path for problem in caught.value.problems] == [
        ("role",),
        ("compute", "bandwidth", "value"),
        ("active_power", "value"),
    ]


def test_aliases_that_unfold_without_end_are_refused(tmp_path: Path) -> None:
    """Nine lines of aliases would unfold to 10^9 entries; the reader stops before."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert "unfolds to more than" in complaint(tmp_path, bomb)


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [1", "just words", "\x00"])
def test_what_is_no_card_at_all_is_refused(tmp_path: Path, text: str) -> None:
    """An empty, broken or foreign document is a `CardError` that names the file."""
    assert "mine.yaml" in complaint(tmp_path, text)


def test_unknown_card_names_its_nearest() -> None:
    """A misspelt built-in card is answered with the right name."""
    with pytest.raises(NotFoundError, match="did you mean raspberry-pi-4"):
        load_card("raspbery-pi-4")


def needs_of(model: ModelProfile, layers: Sequence[int], card: Card) -> tuple[float, float]:
    """Weights and activations of some layers that run one after the other."""
    return MemoryNeeds(model, layers, card.element_bytes).before(len(layers))


def test_vgg16_does_not_fit_a_microcontroller() -> None:
    """138 M weights of one byte exceed 2 MB of flash; the message says both numbers."""
    vgg = load_profile("vgg16")
    card = load_card("stm32l4r5")
    reason = card.misfit(vgg.name, *needs_of(vgg, vgg.trunk, card))
    assert reason is not None
    assert "138 MB of int8 weights exceed 2.00 MB of storage" in reason


def test_activations_of_a_microcontroller_must_fit_its_ram() -> None:
    """Weights lie in flash; 300 kB read and 300 kB written at once do not fit 512 kB of RAM, 200 kB and 200 kB do."""
    card = load_card("nrf5340")
    net = replace(profile(layer("big", "conv", 1, output_bytes=4 * 300_000)), input_shape=(1, 300_000))
    reason = card.misfit(net.name, *needs_of(net, [0], card))
    assert reason is not None
    assert "600 kB of int8 activations exceed 512 kB of memory" in reason
    small = replace(profile(layer("small", "conv", 1, output_bytes=4 * 200_000)), input_shape=(1, 200_000))
    assert card.misfit(small.name, *needs_of(small, [0], card)) is None


def test_only_the_chosen_layers_count(tmp_path: Path) -> None:
    """554 MB of float32 weights do not fit 512 MB, the convolutions alone (59 MB) do; nothing at all always fits."""
    card, vgg = load(tmp_path, GOOD.replace('"1 GB"', '"512 MB"')), load_profile("vgg16")
    reason = card.misfit(vgg.name, *needs_of(vgg, vgg.trunk, card))
    assert reason is not None
    assert "553 MB of float32 weights" in reason
    convolutions = vgg.trunk[: [layer.kind for layer in vgg.graph].index("linear")]
    assert card.misfit(vgg.name, *needs_of(vgg, convolutions, card)) is None
    assert card.misfit(vgg.name, *needs_of(vgg, [], card)) is None


def test_server_says_its_workers_and_its_variability(tmp_path: Path) -> None:
    """Four inferences at a time and a log-normal factor of 10 %, each with its origin."""
    more = 'workers: {value: 4, estimated: "a guess"}\nvariability:\n  distribution: lognormal\n'
    card = load(tmp_path, GOOD + more + '  cv: {value: 0.1, estimated: "a guess"}\n')
    assert card.workers == 4
    assert card.variability is not None
    assert card.variability.cv is not None
    assert (card.variability.distribution, card.variability.cv.value) == ("lognormal", 0.1)


@pytest.mark.parametrize("workers", ["0", "1.5", '"4"', "true"])
def test_workers_are_a_positive_whole_number(tmp_path: Path, workers: str) -> None:
    """Nobody, one and a half, text and a truth value are refused."""
    assert "mine.yaml:15" in complaint(tmp_path, GOOD + f'workers: {{value: {workers}, estimated: "a guess"}}\n')
