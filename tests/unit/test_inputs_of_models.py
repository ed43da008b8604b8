"""Inputs of models: pictures of any shape, batches, tokens, sounds; others are refused with what would be right."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from simulator.cli import cli
from simulator.errors import ExtractionError
from simulator.profiling.extract import extract
from simulator.profiling.extract.encodings import encodings

pytestmark = pytest.mark.torch


def vit_macs(patches: int, width: int, depth: int, classes: int) -> int:
    """Patches of 16 x 16 x 3, then in each block projections of 3 + 1 + 4 + 4 widths and two products of attention."""
    tokens = patches + 1
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    return patches * 768 * width + depth * block + width * classes


def test_pictures_need_not_be_square() -> None:
    """16 x 8 patches of a picture of 256 x 128."""
    assert extract("timm:vit_tiny_patch16_224", (1, 3, 256, 128)).macs == vit_macs(128, 192, 12, 1000) == 780_533_760


def test_pictures_of_transformers_need_not_be_square() -> None:
    """14 x 7 patches; the pooler is one more layer of 768 x 768."""
    assert extract("hf:vit", (1, 3, 224, 112)).macs == vit_macs(98, 768, 12, 768)


@pytest.mark.parametrize(
    ("source", "shape", "words"),
    [
        ("torchvision:vit_b_16", (1, 3, 256, 128), "takes square pictures, not 256x128"),
        ("hf:bert", (1, 513), "has 512 positions, too few for 513 tokens"),
        ("hf:roberta", (1, 511), "has 510 positions, too few for 511 tokens"),
        ("hf:roberta", (1, 513), "give at most --input 1,510"),
        ("hf:whisper", None, "--input 1,80,3000"),
        ("hf:wav2vec2", None, "--input 1,16000"),
        ("hf:t5", None, "it takes several inputs: profile a factory of your own"),
        ("hf:bert", (1, 3, 224, 224), "give as many tokens as it takes"),
        ("torchvision:resnet18", (1, 4, 224, 224), "give the picture that it expects"),
    ],
)
def test_other_inputs_are_refused_with_what_fits(source: str, shape: tuple[int, ...] | None, words: str) -> None:
    """Hints speak of pictures, tokens or sounds, as the model does."""
    with pytest.raises(ExtractionError) as caught:
        extract(source, shape)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(("source", "most"), [("hf:bert", 512), ("hf:roberta", 510)])
def test_as_many_tokens_as_there_are_positions(source: str, most: int) -> None:
    """RoBERTa counts positions from 2 (padding_idx + 1), so of 512 rows 510 are left; all of them can be used."""
    assert extract(source, (1, most)).input_shape == (1, most)


def test_an_input_with_a_name_is_met_with_a_way_out() -> None:
    """A profile has one input; the message says how to make one of several."""
    done = CliRunner().invoke(cli, ["profile", "hf:bert", "--input", "ids=1,128", "--input", "mask=1,128:int64"])
    assert done.exit_code == 2
    assert "wrap the model in a module that takes one tensor" in done.output


def test_a_batch_of_pictures_is_as_many_files() -> None:
    """Eight pictures of ImageNet are eight times 44.77 kB, and of another size eight times the estimate."""
    assert encodings((8, 3, 224, 224), "float32")["jpeg"].size_bytes == 8 * 44_770
    assert encodings((8, 3, 224, 224), "float32")["uint8"].size_bytes == 8 * 3 * 224 * 224
    other = encodings((2, 3, 112, 224), "float32")["jpeg"]
    assert (other.size_bytes, other.estimated) == (44_770, True)


def test_a_model_of_half_precision_takes_pictures_too() -> None:
    """Its own numbers have two bytes; the bytes of a picture and its file are what they are."""
    sizes = {name: one.size_bytes for name, one in encodings((1, 3, 224, 224), "float16").items()}
    assert sizes == {"float16": 2 * 150_528, "uint8": 150_528, "jpeg": 44_770}
