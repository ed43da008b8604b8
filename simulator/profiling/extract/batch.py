"""Extracts many shipped profiles in parallel processes, with a progress bar; each file is whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulator.errors import ExtractionError, Problem, did_you_mean
from simulator.profiling.extract import extract
from simulator.profiling.extract.catalogue import Shipped, shipped
from simulator.profiling.extract.environment import prepare, require


def chosen(names: Sequence[str]) -> list[Shipped]:
    """The shipped profiles of those names, or all of them.

    Raises
    ------
    ExtractionError
        If a library is missing or a name is not known.
    """
    prepare()
    for package in ("torchvision", "timm", "transformers"):
        require(package)
    every = {entry.name: entry for entry in shipped()}
    unknown = [name for name in names if name not in every]
    if unknown:
        raise ExtractionError(
            Problem(f'no shipped profile is called "{name}"', did_you_mean(name, list(every))) for name in unknown
        )
    return [every[name] for name in names] if names else list(every.values())


def extract_all(entries: Sequence[Shipped], output: Path, processes: int, console: Console) -> int:
    """Extract into a folder; returns the bytes written."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = 0
    output.mkdir(parents=True, exist_ok=True)
    with (
        Progress(*columns, console=console) as progress,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        bar = progress.add_task("extracting", total=len(entries))
        pending = {pool.submit(extract_one, entry, output): entry for entry in entries}
        try:
            for done in as_completed(pending):
                total += done.result()
                progress.update(bar, advance=1, description=f"{pending[done].name:<26}")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total


def extract_one(entry: Shipped, output: Path) -> int:
    """Extract one profile into a folder; returns the size of its file."""
    profile = extract(entry.source, entry.input_shape)
    profile = replace(profile, name=entry.name, encodings={**profile.encodings, **entry.encodings})
    if entry.top1 is not None:
        profile = replace(profile, top1=entry.top1, top1_source=entry.top1_source)
    return profile.save(output / f"{entry.name}.json").stat().st_size
