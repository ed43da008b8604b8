"""A profile survives storage unchanged, and a damaged file says everything that is wrong with it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from profiles_by_hand import layer, profile, residual_block

from simulator import paths
from simulator.errors import NotFoundError, ProfileError
from simulator.profiling.model import INPUT, Exit, ModelProfile, load_profile

pytestmark = pytest.mark.engine_free


def _damaged(tmp_path: Path, change) -> ProfileError:
    document = json.loads(residual_block().text)
    change(document)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    return caught.value


def _set(*path_and_value):
    *path, last, value = path_and_value

    def change(document):
        for key in path:
            document = document[key]
        document[last] = value

    return change


def test_saving_and_loading_gives_the_same_profile(tmp_path):
    """load(save(p)) == p, with the same fingerprint."""
    original = residual_block()
    loaded = load_profile(original.save(tmp_path / "net.json"))
    assert loaded == original
    assert loaded.sha256 == original.sha256


def test_the_fingerprint_follows_the_content():
    """Two profiles that differ in one number differ in their fingerprint."""
    original = residual_block()
    assert replace(original, top1=0.25).sha256 != original.sha256


def test_integers_are_stored_where_there_are_any(tmp_path):
    """A profile of floating-point numbers alone has no column for them; another one keeps it."""
    plain = residual_block()
    assert "integer_bytes" not in plain.text
    quantised = replace(plain, graph=(replace(plain.graph[0], integer_bytes=400), *plain.graph[1:]))
    loaded = load_profile(quantised.save(tmp_path / "net.json"))
    assert loaded == quantised
    assert loaded.sha256 != plain.sha256


def test_more_integers_than_bytes_are_refused(tmp_path):
    """Integers are a part of what a layer makes."""
    first = replace(residual_block().graph[0], integer_bytes=401)
    path = replace(residual_block(), graph=(first, *residual_block().graph[1:])).save(tmp_path / "net.json")
    with pytest.raises(ProfileError, match='layer 0 "stem" makes 401 bytes of integers among 400'):
        load_profile(path)


def test_the_file_has_one_layer_per_line(tmp_path):
    """Layers stand on lines of their own, so that a difference between two versions can be read."""
    lines = residual_block().save(tmp_path / "net.json").read_text().splitlines()
    assert sum(line.startswith("[") for line in lines) == 6


def test_a_relative_path_starts_at_the_given_folder(tmp_path):
    """A scenario refers to a profile beside itself."""
    residual_block().save(tmp_path / "net.json")
    assert load_profile("net.json", tmp_path).name == "hand-made"


def test_an_unknown_name_names_the_nearest():
    """A misspelt built-in is met with a suggestion."""
    with pytest.raises(NotFoundError, match="resnet50"):
        load_profile("resnet5O")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A profile is replaced as a whole or not at all, and no temporary file stays behind."""
    path = residual_block().save(tmp_path / "net.json")
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace(residual_block(), top1=0.1).save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.json"]


def test_saving_into_a_missing_folder_is_the_users_mistake(tmp_path):
    """The message names the file."""
    with pytest.raises(ProfileError, match="missing"):
        residual_block().save(tmp_path / "missing" / "net.json")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused_with_its_place(tmp_path, share):
    """Cutting the file anywhere gives one message with a line number, not a traceback."""
    text = residual_block().text
    path = tmp_path / "net.json"
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(ProfileError, match=r"net\.json:\d+:\d+: not valid JSON"):
        load_profile(path)


def test_binary_garbage_is_refused(tmp_path):
    """Bytes that are no text are named as such."""
    path = tmp_path / "net.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProfileError, match="not UTF-8"):
        load_profile(path)


@pytest.mark.parametrize("key", [key for key in json.loads(residual_block().text) if key not in ("format", "columns")])
def test_every_key_is_needed(tmp_path, key):
    """Leaving out any key is noticed by its name."""
    error = _damaged(tmp_path, lambda document: document.pop(key))
    assert any(f'key "{key}" is missing' in problem.message for problem in error.problems)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("macs", -1), "-1 is not a whole number of at least 0"),
        (_set("macs", math.nan), "nan is not a whole number"),
        (_set("params", 1.5), "1.5 is not a whole number"),
        (_set("top1", math.nan), "nan is not a fraction"),
        (_set("top1", 75.0), "75.0 is not a fraction between 0 and 1"),
        (_set("input_shape", []), "the input has no shape"),
        (_set("input_shape", [1, 0]), "0 is not a whole number of at least 1"),
        (_set("input_dtype", "float31"), "'float31' is not known"),
        (_set("encodings", "float32", "size_bytes", math.inf), "inf is not a positive number"),
        (_set("encodings", "float32", "size_bytes", 5.0), "float32 input is said to have 5 bytes"),
        (_set("graph", 3, 3, -10), "-10 is not a whole number"),
        (_set("graph", 3, 1, "convolution"), "'convolution' is not known"),
        (_set("graph", 3, 0, "stem"), 'layers 0 and 3 are both called "stem"'),
        (_set("graph", 3, 0, "output"), '"output" is the name of a cut'),
        (_set("graph", 3, [1, 2]), "is not a row of 11 values"),
        (_set("graph", []), "the profile has no layers"),
        (_set("graph", 1, 6, [3]), 'layer 1 "block.conv1" reads layer 3'),
        (_set("graph", 1, 6, [1]), 'layer 1 "block.conv1" reads layer 1'),
        (_set("graph", 1, 6, [-2]), "-2 is not a whole number of at least -1"),
        (_set("graph", 1, 6, [99]), "reads layer 99"),
        (_set("graph", 4, 7, 1), "reads 800 bytes, not 1"),
        (_set("graph", 2, 10, 4), "is fused into layer 4, which is not before it"),
        (_set("graph", 3, 10, 2), 'is fused into "block.norm1", itself fused'),
        (_set("macs", 41), "macs is 41, but the layers of the trunk add up to 40"),
        (_set("params", 7), "params is 7, but the layers of the trunk add up to 0"),
        (_set("format", 2), "format 2 is not known"),
        (_set("columns", ["name"]), "columns are"),
        (_set("graph", "none"), "'none' is not a list"),
        (_set("uncounted", [3]), "3 is not a non-empty text"),
        (_set("outputs", [99]), "99 is no layer of the trunk"),
        (_set("outputs", [0]), "but the outputs have"),
        (_set("flops", 3), 'unknown key "flops"'),
    ],
)
def test_a_damaged_value_is_named(tmp_path, change, message):
    """Each kind of damage has its message, with the value shown and the file named."""
    error = _damaged(tmp_path, change)
    assert message in str(error)
    assert all(problem.file.endswith("damaged.json") for problem in error.problems)


def test_all_problems_are_listed_at_once(tmp_path):
    """Three mistakes give three problems in one error."""

    def change(document):
        document["macs"] = -1
        document["top1"] = 2
        document["graph"][0][1] = "konv"

    assert len(_damaged(tmp_path, change).problems) == 3


def _with_exit(**changes) -> ModelProfile:
    head = Exit(**({"name": "early", "after": 0, "layers": (1,), "output_bytes": 40} | changes))
    return profile([layer("a", [INPUT]), layer("head", [0], 40), layer("b", [0], 40)], [head])


def test_an_exit_head_is_no_part_of_the_trunk(tmp_path):
    """The trunk and its totals leave out what only an exit needs."""
    loaded = load_profile(_with_exit().save(tmp_path / "net.json"))
    assert loaded.trunk == (0, 2)
    assert loaded.macs == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after": 9}, "names layer 9 of 3"),
        ({"after": 1}, "branches off layer 1, which is in a head"),
        ({"layers": (0,)}, 'reads layer 0 of the head of exit "early"'),
    ],
)
def test_an_exit_that_does_not_fit_the_graph_is_refused(tmp_path, changes, message):
    """A head must branch off the trunk and feed nothing but its exit."""
    path = _with_exit(**changes).save(tmp_path / "net.json")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert message in str(caught.value)


def test_the_table_of_layers_has_a_row_per_layer():
    """`layers` shows every field of every layer."""
    table = residual_block().layers
    assert list(table["name"]) == ["stem", "block.conv1", "block.norm1", "block.conv2", "block.add", "fc"]
    assert table["macs"].sum() == 40
    assert table["fused_into"].dropna().to_dict() == {2: 1}


@pytest.mark.parametrize("name", paths.names("model"))
def test_every_shipped_profile_loads_and_is_complete(name):
    """What ships is sound: it loads, has no uncounted operator, and names where its numbers come from."""
    shipped = load_profile(name)
    assert shipped.name == name
    assert shipped.complete
    assert shipped.macs > 0
    assert (shipped.top1 is None) == (shipped.top1_source is None)
    assert all(encoding.source for encoding in shipped.encodings.values())


def test_enough_profiles_ship_in_little_space():
    """At least 45 models, below 12 MB together."""
    files = list(paths.folder("model").glob("*.json"))
    assert len(files) >= 45
    assert sum(file.stat().st_size for file in files) < 12e6
