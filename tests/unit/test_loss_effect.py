"""What a profile declares about lost bytes: stored, checked, and turned into a part of the accuracy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from profiles_by_hand import residual_block
from worlds import chain

from simulator.errors import ProfileError
from simulator.profiling.graph import LossEffect
from simulator.profiling.model import load_profile

EFFECT = LossEffect((0.0, 0.1, 0.5), (1.0, 0.9, 0.25), "a test", True)


def damaged(folder: Path, effect: Any) -> ProfileError:
    """What is said about a profile with this effect."""
    path = Path(chain(folder, {"whole": 4}))
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"loss_effect": effect}))
    with pytest.raises(ProfileError) as caught:
        load_profile(str(path))
    return caught.value


def test_an_effect_is_stored_with_the_profile(tmp_path: Path) -> None:
    loaded = load_profile(chain(tmp_path, {"whole": 4}, loss_effect=EFFECT))
    assert loaded.loss_effect == EFFECT


def test_a_profile_without_an_effect_says_nothing_about_it(tmp_path: Path) -> None:
    path = residual_block().save(tmp_path / "hand-made.json")
    assert "loss_effect" not in json.loads(path.read_text())
    assert load_profile(path).loss_effect is None


def test_the_fingerprint_follows_the_effect() -> None:
    """Another effect is another profile."""
    plain = residual_block()
    assert replace(plain, loss_effect=EFFECT).sha256 != plain.sha256


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lost": [0, 0.5], "kept": [1]}, "2 lost shares and 1 kept shares"),
        ({"lost": [0], "kept": [1]}, "1 lost shares and 1 kept shares"),
        ({"lost": [0.1, 0.5], "kept": [1, 0.5]}, "lost shares do not rise from 0"),
        ({"lost": [0, 0.5, 0.5], "kept": [1, 0.5, 0.2]}, "lost shares do not rise from 0"),
        ({"lost": [0, 0.5], "kept": [0.9, 0.5]}, "not all of the accuracy is kept when nothing is lost"),
        ({"lost": [0, 1.5], "kept": [1, 0.5]}, "1.5"),
        ({"lost": [0, 0.5], "kept": [1, -0.5]}, "-0.5"),
        ({"lost": [0, None], "kept": [1, 0.5]}, "None is not a fraction"),
        ({"lost": "0, 0.5"}, "loss_effect"),
        ({"source": None}, "source"),
        ({"estimated": "no"}, "estimated"),
        ({"more": 1}, "is not an object with the keys"),
    ],
)
def test_a_damaged_effect_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    sound = {"lost": [0, 0.5], "kept": [1, 0.5], "source": "a test", "estimated": False}
    assert words in str(damaged(tmp_path, sound | changes))


def test_no_number_is_taken_for_an_effect(tmp_path: Path) -> None:
    assert "loss_effect" in str(damaged(tmp_path, 0.5))
    assert "loss_effect" in str(damaged(tmp_path, {"lost": [0, 1]}))
