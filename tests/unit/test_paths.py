"""Names of built-ins and paths of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import paths
from simulator.errors import NotFoundError
from simulator.reports.catalogue import LISTS


@given(
    name=st.text(max_size=60).filter(lambda name: not paths.looks_like_path(name)),
    kind=st.sampled_from(sorted(paths.FOLDERS)),
)
def test_a_name_never_leaves_its_folder(name: str, kind: str) -> None:
    """Whatever is not a path is either refused or a file directly inside the folder of its kind."""
    try:
        found = paths.find(kind, name)
    except NotFoundError:
        return
    assert found.resolve().parent == paths.folder(kind).resolve()


@pytest.mark.parametrize("name", ["..", ".", "", "\0", "x" * 5000, "~root"])
def test_odd_names_are_not_found_rather_than_crash(name: str) -> None:
    """Dots, nothing, a null byte and a name that no file system allows."""
    with pytest.raises(NotFoundError, match="no built-in model"):
        paths.find("model", name)


@pytest.mark.parametrize("reference", ["x" * 5000 + ".json", "a/\0/b.json", "../../../../../../etc/nothing.json"])
def test_odd_paths_are_not_found_rather_than_crash(reference: str, tmp_path: Path) -> None:
    """The same for paths, and the message stays short."""
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        paths.find("model", reference, tmp_path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", sorted(paths.FOLDERS))
def test_an_unknown_name_points_to_a_list_that_exists(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no built-in is near, the hint names `list KIND`, and the command knows that kind."""
    monkeypatch.setattr(paths, "did_you_mean", lambda *_: "")
    with pytest.raises(NotFoundError) as caught:
        paths.find(kind, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqq")
    named = re.search(r"offload-sim list (\w+)", caught.value.problems[0].hint)
    assert named is not None
    assert named[1] in LISTS


def test_traces_and_generators_have_names_of_their_own() -> None:
    """Whoever reads a name knows which of the two is meant."""
    assert set(paths.names("trace")) & set(paths.names("generator")) == set()


def test_a_path_counts_from_the_folder_of_its_document_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``base`` wins over the working directory, which is the second choice."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "net.json").touch()
    (here / "only.json").touch()
    monkeypatch.chdir(here)
    assert paths.find("model", "net.json", there) == there / "net.json"
    assert paths.find("model", "only.json", there) == Path("only.json")
    assert paths.find("model", "net.json") == Path("net.json")


def test_a_name_that_is_a_file_of_ones_own_says_how_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``run mine`` beside mine.yaml: names are built-ins, files carry their ending."""
    (tmp_path / "mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match=r"given with its ending: mine\.yaml"):
        paths.find("scenario", "mine")
    with pytest.raises(NotFoundError, match="did you mean first"):
        paths.find("scenario", "firts")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    """A reference to a folder says so instead of failing later."""
    (tmp_path / "nets").mkdir()
    with pytest.raises(NotFoundError, match="is a folder"):
        paths.find("model", "./nets", tmp_path)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The hint names both candidates."""
    with pytest.raises(NotFoundError) as caught:
        paths.find("trace", "no.csv", tmp_path)
    assert str(tmp_path / "no.csv") in caught.value.problems[0].hint


@pytest.mark.parametrize("kind", sorted(paths.FOLDERS))
def test_every_listed_name_is_found(kind: str) -> None:
    """What `names` lists `find` finds, in the folder of its kind and with its suffix."""
    folder, suffix = paths.FOLDERS[kind]
    listed = paths.names(kind)
    assert listed
    for name in listed:
        found = paths.find(kind, name)
        assert found.parent == paths.data_root() / folder
        assert found.name == name + suffix
