"""The folder of a sweep: a Parquet data set that grows while points finish, and what belongs to it.

``part-00000.parquet`` and so on hold the summary rows, one per point, policy and group; together they are the data
set that ``pandas.read_parquet(DIR)`` and DuckDB (``DIR/*.parquet``) read. Names that begin with an underscore are no
data: ``_sweep.json`` (which sweep this is), ``_failed.json`` (points without rows, and why), ``_inputs/`` (what the
points read: profiles, cards, traces) and ``_lock``. Every file is written whole or not at all, so that a sweep that
ends in any way is continued by starting it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import BaseFileLock, FileLock, Timeout

from simulator.analysis.csvtext import INTEGER_COLUMNS
from simulator.analysis.metrics import SUMMARY_COLUMNS
from simulator.analysis.staging import StagedFiles, unwritable
from simulator.errors import Problem, ResultError
from simulator.scenario.grid import Cell, Grid

FORMAT = "offload-sim sweep 1"
MANIFEST, FAILED, LOCK = "_sweep.json", "_failed.json", "_lock"
#: failed points that are told in full
_MOST_FAILED = 1000
#: characters of a value in a message
_SHOWN = 60
_TEXT = ("policy", "group")


class SweepFolder:
    """The folder of one sweep, open for writing; a context manager that keeps others out.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    manifest : mapping
        What decides the rows; a folder that was begun with another one is refused.
    inputs : mapping of str to bytes
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
        self, folder: Path, manifest: Mapping[str, Any], inputs: Mapping[str, bytes], schema: pa.Schema
    ) -> None:
        self.folder = folder
        self._manifest = {"format": FORMAT, **manifest}
        self._inputs = inputs
        self._schema = schema
        self._lock: BaseFileLock | None = None
        self._parts = 0
        #: identities of the points that had rows when the folder was opened
        self.finished: set[str] = set()

    def __enter__(self) -> SweepFolder:
        known = _begun(self.folder)
        if known is not None:
            _require_same(self.folder, known, self._manifest)
        with StagedFiles(self.folder) as staged:  # creates the folder, or says why it cannot
            staged.write_bytes(MANIFEST, _json(self._manifest))
            for place, content in self._inputs.items():
                if not (self.folder / place).exists():
                    staged.write_bytes(place, content)
            self._lock = _locked(self.folder)
            try:
                staged.commit(last=MANIFEST)
                for left in self.folder.glob(".*.part"):  # of a sweep that was killed while it wrote
                    left.unlink(missing_ok=True)
                self.finished = self._read_finished()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def _read_finished(self) -> set[str]:
        found: set[str] = set()
        for part in parts(self.folder):
            found.update(_column(part, "point"))
            self._parts = int(part.stem.removeprefix("part-")) + 1
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
        if not failed:
            try:
                (self.folder / FAILED).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(self.folder / FAILED, error) from error
            return
        with StagedFiles(self.folder) as staged:
            content = {"failed": len(failed), "points": list(failed[:_MOST_FAILED])}
            staged.write_bytes(FAILED, _json(content))
            staged.commit()


def parts(folder: Path) -> list[Path]:
    """Files of the data set, in order of writing."""
    return sorted(folder.glob("part-*.parquet"), key=lambda path: int(path.stem.removeprefix("part-")))


def read_rows(folder: Path, schema: pa.Schema) -> pa.Table:
    """The data set of a sweep."""
    return pa.concat_tables([schema.empty_table(), *(pq.read_table(part) for part in parts(folder))])


def schema_of(grid: Grid, has_groups: bool, with_precision: bool) -> pa.Schema:
    """Columns of the data set: the point, its place on the axes, the summary."""
    fields = [("point", pa.string())]
    fields += [(axis.path, _type(cells)) for axis, cells in zip(grid.axes, grid.cells, strict=True)]
    for name in SUMMARY_COLUMNS:
        integer = pa.int64() if name in INTEGER_COLUMNS else pa.float64()
        fields.append((name, pa.string() if name in _TEXT else integer))
        if name == "policy" and has_groups:
            fields.append(("group", pa.string()))
    fields.append(("replications", pa.int64()))
    if with_precision:
        fields.append(("precision_met", pa.bool_()))
    return pa.schema(fields)


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
        content = (folder / MANIFEST).read_bytes()
    except NotADirectoryError as error:
        raise unwritable(folder, error) from error
    except FileNotFoundError:
        others = [path.name for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []
        # what a sweep wrote that was killed before its manifest was there
        others = [name for name in others if name != "_inputs" and not name.endswith(".part")]
        if others:
            raise _not_ours(folder, f"it holds {others[0]}, and no {MANIFEST}") from None
        return None
    except OSError as error:
        raise ResultError(Problem(f'cannot read "{folder / MANIFEST}": {error.strerror}')) from error
    try:
        known = json.loads(content)
    except ValueError as error:
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
    for key in ("replications", "precision", "max_replications", "version"):
        if known.get(key) != wanted[key]:
            raise _not_ours(folder, f"there {key} is {_short(known.get(key))}, not {_short(wanted[key])}")
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
        lock.acquire(blocking=False)
    except Timeout as error:
        raise ResultError(Problem(f'another sweep is writing into "{folder}"', "wait until it has ended")) from error
    except (OSError, NotImplementedError) as error:
        raise unwritable(folder / LOCK, error if isinstance(error, OSError) else OSError(str(error))) from error
    return lock


def _column(part: Path, name: str) -> list[str]:
    try:
        values: list[str] = pq.read_table(part, columns=[name]).column(name).to_pylist()
    except (OSError, pa.ArrowException, KeyError) as error:
        hint = "remove this file and start the sweep again: its points are computed anew"
        raise ResultError(Problem(f'"{part}" is damaged: {str(error).splitlines()[0]}', hint)) from error
    return values


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
