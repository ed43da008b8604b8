"""The folder of a sweep: a Parquet data set that grows while points finish, and what belongs to it.

``part-00000.parquet`` and so on hold the summary rows, one per point, policy and group; together they are the data
set that ``pandas.read_parquet(DIR)`` and DuckDB (``DIR/*.parquet``) read. Names that begin with an underscore are no
data: ``_sweep.json`` (which sweep this is), ``_failed.json`` (points without rows, and why), ``_inputs/`` (what the
points read: profiles, cards, traces) and ``_lock``. Every file is written whole or not at all, so that a sweep that
ends in any way is continued by starting it again.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import BaseFileLock, FileLock, Timeout

from simulator.errors import Problem, ResultError
from simulator.inference.metrics import summary_columns
from simulator.inference.standings import STANDING_COLUMNS, STANDING_TEXTS
from simulator.outputs import kind_at, read_regular, require_file_place
from simulator.scenario.grid import Cell, Grid
from simulator.staging import StagedFiles, unwritable
from simulator.studies.csvtext import BOOLEAN_COLUMNS, INTEGER_COLUMNS, TEXT_COLUMNS
from simulator.studies.folder_kinds import require_kind
from simulator.studies.sweeps.guard import taken
from simulator.studies.sweeps.inputs import FOLDER as INPUTS
from simulator.studies.sweeps.inputs import Copy

FORMAT = "offload-sim sweep 1"
MANIFEST, FAILED, LOCK = "_sweep.json", "_failed.json", "_lock"
#: failed points that are told in full
_MOST_FAILED = 1000
#: characters of a value in a message
_SHOWN = 60


class SweepFolder:
    """The folder of one sweep, open for writing; a context manager that keeps others out.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    manifest : mapping
        What decides the rows; a folder that was begun with another one is refused.
    inputs : mapping of str to Copy
        Files that the points read, by their place below the folder.
    schema : pyarrow.Schema
        Of the data set.

    Raises
    ------
    ResultError
        If the folder belongs to something else, is in use, holds a damaged part, or cannot be written; nothing is
        touched then.
    """

    def __init__(
        self, folder: Path, manifest: Mapping[str, Any], inputs: Mapping[str, Copy], schema: pa.Schema
    ) -> None:
        self.folder = folder
        self._manifest = {"format": FORMAT, **manifest}
        self._inputs = inputs
        self._schema = schema
        self._open = ExitStack()
        self._parts = 0
        #: identities of the points that had rows when the folder was opened
        self.finished: set[str] = set()

    def __enter__(self) -> SweepFolder:
        known = _begun(self.folder)
        require_kind(self.folder, "sweep")
        if known is not None:
            _require_same(self.folder, known, self._manifest)
        with ExitStack() as opened:
            with StagedFiles(self.folder) as staged:  # creates the folder, or says why it cannot
                staged.require(FAILED)
                for place, copy in self._inputs.items():
                    if not _holds(self.folder / place, copy.content):
                        staged.write_bytes(place, copy.content, copy.mode)
                # parts stand beside a manifest at every instant, so it goes last, and one that is right stays
                manifest = _json(self._manifest)
                if not _holds(self.folder / MANIFEST, manifest):
                    staged.write_bytes(MANIFEST, manifest)
                if not opened.enter_context(taken(self.folder)):
                    raise _in_use(self.folder)
                opened.callback(_locked(self.folder).release)
                staged.commit()
            _remove_leftovers(self.folder)
            self.finished = self._read_finished()
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _read_finished(self) -> set[str]:
        found: set[str] = set()
        for part in parts(self.folder):
            found.update(_part(part, self._schema, ["point"]).column("point").to_pylist())
            self._parts = _number(part) + 1
        return found

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to the data set.

        Raises
        ------
        ResultError
            If they cannot be written, with what was written before kept.
        """
        table = pa.Table.from_pylist(list(rows), schema=self._schema)
        with StagedFiles(self.folder) as staged:
            staged.write(f"part-{self._parts:05d}.parquet", lambda file: pq.write_table(table, file))
            staged.commit()
        self._parts += 1

    def write_failed(self, failed: Sequence[Mapping[str, Any]]) -> None:
        """Replace the list of failed points; no file if there are none.

        Raises
        ------
        ResultError
            If it cannot be written.
        """
        with StagedFiles(self.folder) as staged:
            if failed:
                content = {"failed": len(failed), "points": list(failed[:_MOST_FAILED])}
                staged.write_bytes(FAILED, _json(content))
            else:
                staged.remove(FAILED)
            staged.commit()


def parts(folder: Path) -> list[Path]:
    """Files of the data set, in order of writing.

    Raises
    ------
    ResultError
        For a file that readers would take for one, but that no sweep wrote.
    """
    found = list(folder.glob("part-*.parquet"))
    for path in found:
        if not re.fullmatch(r"part-[0-9]{5,9}\.parquet", path.name, re.ASCII):
            hint = "readers of the data set would read it too: move it to another folder"
            raise ResultError(Problem(f'"{path}" was not written by a sweep', hint))
    return sorted(found, key=_number)


def _number(part: Path) -> int:
    return int(part.stem.removeprefix("part-"))


def read_rows(folder: Path, schema: pa.Schema) -> pa.Table:
    """The data set of a sweep.

    Raises
    ------
    ResultError
        Naming a part that is damaged.
    """
    return pa.concat_tables([schema.empty_table(), *(_part(part, schema) for part in parts(folder))])


def _part(part: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """One part of the data set."""
    try:
        read = pq.read_table(pa.BufferReader(read_regular(part)), columns=columns)
        wanted = schema if columns is None else pa.schema([schema.field(column) for column in columns])
        if not read.schema.equals(wanted):
            raise pa.ArrowInvalid("its columns are not those of this sweep")
    except (OSError, pa.ArrowException) as error:
        hint = "remove this file and start the sweep again: its points are computed anew"
        reason = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ResultError(Problem(f'"{part}" is damaged: {reason}', hint)) from error
    return read


def schema_of(
    grid: Grid, has_groups: bool, with_precision: bool, stages: Sequence[str] = (), compares: bool = False
) -> pa.Schema:
    """Columns of the data set: the point, its place on the axes, the summary.

    Parameters
    ----------
    grid : Grid
    has_groups, with_precision : bool
        Whether rows name a group, and whether they met a precision.
    stages : sequence of str
        Stages of some points that others may lack.
    compares : bool
        Whether rows say how far each policy is behind the best one.
    """
    fields = [("point", pa.string())]
    fields += [(axis.path, _type(cells)) for axis, cells in zip(grid.axes, grid.cells, strict=True)]
    for name in summary_columns([f"utilisation_{stage}" for stage in stages]):
        fields.append((name, _summary_type(name)))
        if name == "policy" and has_groups:
            fields.append(("group", pa.string()))
    fields.append(("replications", pa.int64()))
    if with_precision:
        fields.append(("precision_met", pa.bool_()))
    if compares:
        fields += [(name, pa.string() if name in STANDING_TEXTS else pa.float64()) for name in STANDING_COLUMNS]
    return pa.schema(fields)


def _summary_type(name: str) -> pa.DataType:
    """Type of a column of the summary."""
    if name in TEXT_COLUMNS:
        return pa.string()
    if name in BOOLEAN_COLUMNS:
        return pa.bool_()
    return pa.int64() if name in INTEGER_COLUMNS else pa.float64()


def _type(cells: Sequence[Cell]) -> pa.DataType:
    """Type of an axis column that holds all of its values."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float} else pa.string()


def _begun(folder: Path) -> dict[str, Any] | None:
    """The manifest of the sweep that this folder holds; None for a new folder."""
    try:
        content = read_regular(folder / MANIFEST)
    except NotADirectoryError as error:
        raise unwritable(folder, error) from error
    except FileNotFoundError:
        others = [path.name for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []
        # what a sweep wrote that was killed before its manifest was there
        others = [name for name in others if name != INPUTS and not name.endswith(".part")]
        if others:
            raise _not_ours(folder, f"it holds {others[0]}, and no {MANIFEST}") from None
        return None
    except OSError as error:
        raise ResultError(Problem(f'cannot read "{folder / MANIFEST}": {error.strerror}')) from error
    try:
        known = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _not_ours(folder, f"{MANIFEST} cannot be read: {error}") from error
    if not isinstance(known, dict) or known.get("format") != FORMAT or not isinstance(known.get("axes"), dict):
        raise _not_ours(folder, f"{MANIFEST} does not say that it is one")
    return known


def _require_same(folder: Path, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if known.get("identity") == wanted["identity"]:
        return
    for axis in {**known["axes"], **wanted["axes"]}:
        if known["axes"].get(axis) != wanted["axes"].get(axis):
            differ = f"{_short(known['axes'].get(axis))}, not {_short(wanted['axes'].get(axis))}"
            raise _not_ours(folder, f"there the axis {axis} is {differ}")
    for key in ("replications", "precision", "max_replications", "version", "compares"):
        if known.get(key) != wanted.get(key):
            raise _not_ours(folder, f"there {key} is {_short(known.get(key))}, not {_short(wanted.get(key))}")
    raise _not_ours(folder, "its scenario, or a file that the scenario reads, is another one")


def _short(value: Any) -> str:
    if value is None:
        return "not given"
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _SHOWN:
        return text
    return f"{len(value)} values, {text[:_SHOWN]}..." if isinstance(value, list) else f"{text[:_SHOWN]}..."


def _not_ours(folder: Path, reason: str) -> ResultError:
    hint = "choose another folder with -o; nothing was changed in this one"
    return ResultError(Problem(f'"{folder}" is not a folder of this sweep: {reason}', hint))


def _locked(folder: Path) -> BaseFileLock:
    """Take the folder; the system gives it back when this process ends, in whatever way (workers do not hold it)."""
    lock = FileLock(folder / LOCK)
    try:
        require_file_place(folder / LOCK, folder)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise _in_use(folder) from error
    except (OSError, NotImplementedError) as error:
        raise unwritable(folder / LOCK, error if isinstance(error, OSError) else OSError(str(error))) from error
    return lock


def _in_use(folder: Path) -> ResultError:
    return ResultError(Problem(f'another sweep is writing into "{folder}"', "wait until it has ended"))


def _holds(place: Path, content: bytes) -> bool:
    """Whether a file is there already, as it should be."""
    try:
        return place.lstat().st_size == len(content) and kind_at(place) == "a file" and place.read_bytes() == content
    except OSError:
        return False


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files that nobody can need, since this process has the lock."""
    inputs = [folder / INPUTS, *(folder / INPUTS).glob("*")] if kind_at(folder / INPUTS) == "a folder" else []
    for place in (folder, *inputs):
        for left in place.glob(".*.part"):
            with suppress(OSError):
                if kind_at(left) == "a folder":
                    shutil.rmtree(left)
                else:
                    left.unlink()


def _json(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")
