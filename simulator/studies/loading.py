"""Reading back the folder of a finished run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.accounts.request_columns import REQUIRED
from simulator.errors import Problem, ResultError
from simulator.inference.comparison import DIFFERENCE_COLUMNS
from simulator.inference.metrics import SUMMARY_COLUMNS, lacking
from simulator.outputs import read_regular
from simulator.studies.csvtext import filled, from_csv
from simulator.studies.drawing import NO_FIGURES, Drawing
from simulator.studies.result import DATA_FILES, FORMAT, Result


def load_result(directory: str | Path, drawing: Drawing = NO_FIGURES) -> Result:
    """Read back the folder of a finished run.

    Parameters
    ----------
    directory : str or Path
    drawing : Drawing
        Who draws the figures of the result.

    Raises
    ------
    ResultError
        If the folder is missing, is not a result, or lacks or changed a file since it was written. Columns that an
        older version did not write are there, and unknown.
    """
    folder = Path(directory)
    manifest = _read_manifest(folder)
    curve_files = {name: f"figures/{name}.csv" for name in CURVE_COLUMNS if f"figures/{name}.csv" in manifest["files"]}
    content = {name: _read_file(folder, name, manifest["files"]) for name in (*DATA_FILES, *curve_files.values())}
    try:
        import pyarrow.parquet as pq

        from simulator.accounts.requests import COLUMNS

        table = pq.read_table(pa.BufferReader(content["requests.parquet"]))
        summary = from_csv(content["summary.csv"])
        differences = from_csv(content["differences.csv"])
        curves = {name: pa.Table.from_pylist(from_csv(content[file])) for name, file in curve_files.items()}
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise _foreign(folder, f"it cannot be read: {error}") from error
    missing = [name for name in REQUIRED if name not in table.column_names]
    missing += lacking(summary[0]) if summary else []
    if missing:
        raise _foreign(folder, "columns are missing: " + ", ".join(missing))
    for name in COLUMNS:
        if name not in table.column_names:  # an older version did not write it
            table = table.append_column(name, pa.nulls(table.num_rows))
    return Result(
        name=manifest["name"],
        scenario=manifest["scenario"],
        table=table,
        summary_rows=tuple(filled(row, SUMMARY_COLUMNS) for row in summary),
        difference_rows=tuple(filled(row, DIFFERENCE_COLUMNS) for row in differences),
        manifest=manifest,
        curves=curves,
        directory=folder,
        drawing=drawing,
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        if not folder.is_dir():
            raise ResultError(
                Problem(f'there is no result folder "{folder}"', "`offload-sim run SCENARIO -o DIR` writes one")
            )
        manifest = json.loads(read_regular(folder / "manifest.json"))
    except FileNotFoundError as error:
        raise _foreign(folder, "it has no manifest.json, so no run was finished in it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _foreign(folder, f"manifest.json cannot be read: {error}") from error
    needed = {"format": str, "name": str, "scenario": dict, "files": dict}
    if not isinstance(manifest, dict) or any(not isinstance(manifest.get(k), t) for k, t in needed.items()):
        raise _foreign(folder, "manifest.json is not one of offload-sim")
    if manifest["format"] != FORMAT:
        raise _foreign(folder, f'its format is "{manifest["format"]}", this version reads "{FORMAT}"')
    return manifest


def _read_file(folder: Path, name: str, hashes: Mapping[str, Any]) -> bytes:
    try:
        content = read_regular(folder / name)
    except OSError as error:
        raise _foreign(folder, f"{name} cannot be read: {error.strerror}") from error
    if hashes.get(name) != hashlib.sha256(content).hexdigest():
        raise _foreign(folder, f"{name} is cut off or was changed after the run")
    return content


def _foreign(folder: Path, reason: str) -> ResultError:
    return ResultError(
        Problem(f'"{folder}" is not the complete result of a run: {reason}', "run the scenario again into that folder")
    )
