"""Writes the folder of a run: manifest.json, summary.csv, differences.csv, requests.parquet and figures/.

Each file is written whole or not at all, the manifest last: a folder with a manifest is a finished run. The same
requests table gives the same bytes of requests.parquet. Files of the user's own in the folder are left alone; figures
of an earlier run in it are replaced or removed, so that no figure shows other data than the tables beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.inference.comparison import DIFFERENCE_COLUMNS
from simulator.inference.metrics import summary_columns
from simulator.staging import StagedFiles
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import NO_FIGURES, Drawing
from simulator.studies.folder_kinds import require_kind
from simulator.studies.result import DATA_FILES, FORMAT, Result

MANIFEST = "manifest.json"
#: a row group of requests.parquet; fixed, because it decides the bytes of the file
_ROW_GROUP = 131_072


def write_result(result: Result, directory: str | Path, figures: Sequence[str] = ("svg",)) -> Result:
    """Write a result into its folder.

    Parameters
    ----------
    result : Result
        From `build_result`.
    directory : str or Path
        Created if it does not exist.
    figures : sequence of str
        Formats in which every figure is drawn (``svg``, ``pdf``, ``png``); empty for none.

    Returns
    -------
    Result
        The same, knowing its folder.

    Raises
    ------
    ResultError
        If the folder cannot be written; nothing is half-written then.
    Exception
        Whatever keeps the figures from being drawn, memory included; the result itself is written all the same.
    """
    folder = Path(directory)
    drawn, failure = _drawn(result, figures)
    with StagedFiles(folder) as staged:
        staged.write("requests.parquet", lambda file: write_requests(result.table, file))
        staged.write_bytes("summary.csv", summary_csv(result.summary_rows))
        staged.write_bytes("differences.csv", to_csv(result.difference_rows, DIFFERENCE_COLUMNS))
        for name, columns in CURVE_COLUMNS.items():
            if name in result.curves:
                staged.write_bytes(f"figures/{name}.csv", to_csv(result.curves[name].to_pylist(), columns))
        data = staged.names
        for name, content in drawn:
            staged.write_bytes(f"figures/{name}", content)
        written = (*staged.names, MANIFEST)
        for name in own_figures(result.drawing):
            if name not in written:  # of an earlier run
                staged.remove(name)
        manifest = {
            "format": FORMAT,
            **result.manifest,
            "files": {name: _sha256(staged.staged_path(name)) for name in data},
        }
        staged.write_bytes(MANIFEST, _json(manifest))
        staged.commit(last=MANIFEST)
    if failure is not None:
        raise failure
    return replace(result, directory=folder, manifest=manifest)


def _drawn(result: Result, figures: Sequence[str]) -> tuple[list[tuple[str, bytes]], Exception | None]:
    """All figures, or none and the reason: a finished run must not be lost to one."""
    try:
        return [file for format_ in figures for file in result.drawing.files(result, format_)], None
    except Exception as failure:  # it is raised when the result is safe
        return [], failure


def own_figures(drawing: Drawing) -> tuple[str, ...]:
    """Every figure and table beside one that this program gives a name to."""
    curves = (f"{name}.csv" for name in CURVE_COLUMNS)
    return tuple(f"figures/{name}" for name in dict.fromkeys((*curves, *drawing.own_files)))


def check_writable(directory: str | Path, drawing: Drawing = NO_FIGURES) -> None:
    """Fail early, before a long run, when a result could not be written.

    Raises
    ------
    ResultError
        Naming the folder and the reason.
    """
    require_kind(Path(directory), "run")
    with StagedFiles(Path(directory)) as staged:
        staged.write_bytes(MANIFEST, b"")
        for name in (*DATA_FILES, *own_figures(drawing)):
            staged.require(name)


def write_requests(table: pa.Table, file: BinaryIO) -> None:
    """Write requests.parquet: the same table always gives the same bytes (of one pyarrow version)."""
    import pyarrow.parquet as pq

    whole = table.replace_schema_metadata(None).unify_dictionaries().combine_chunks()
    text = [column.name for column in whole.schema if pa.types.is_dictionary(column.type)]
    floats = [column.name for column in whole.schema if pa.types.is_floating(column.type)]
    # numbers that count or repeat: their differences are small
    whole_numbers = [column.name for column in whole.schema if pa.types.is_integer(column.type)]
    pq.write_table(
        whole,
        file,
        row_group_size=_ROW_GROUP,
        version="2.6",
        compression="zstd",
        compression_level=1,
        use_dictionary=text,
        use_byte_stream_split=floats,
        column_encoding=dict.fromkeys(whole_numbers, "DELTA_BINARY_PACKED"),
    )


def summary_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Content of summary.csv."""
    columns = list(summary_columns(rows[0] if rows else ()))
    if rows and "group" in rows[0]:
        columns.insert(1, "group")
    return to_csv(rows, columns)


def _json(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
