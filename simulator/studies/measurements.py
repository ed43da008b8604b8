"""What the ``trace`` verbs write: the two-column CSV, generator files, figures; each whole or not at all."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from simulator import paths
from simulator.errors import Problem, TraceError, UnitError
from simulator.links.generator import GilbertElliottGenerator, MarkovGenerator
from simulator.links.importers import import_trace
from simulator.links.importers.model import Direction, Frames, ImportedTrace, RoundTrips
from simulator.links.importers.named_columns import Told, read_column
from simulator.links.lora_described import described_link
from simulator.printable import one_line
from simulator.staging import write_files
from simulator.units import human, parse

if TYPE_CHECKING:
    pass

_DIRECTIONS: dict[str, Direction] = {"up": "uplink", "down": "downlink"}


def read_measurement(
    reference: str,
    format_: str,
    window: str,
    time: str | None = None,
    rate: str | None = None,
    direction: str | None = None,
) -> ImportedTrace:
    """A measurement as the command line names it.

    Parameters
    ----------
    reference : str
        Path of a file, or name of a built-in trace.
    format_ : str
        Name of its format, or ``auto``.
    window : str
        Width of the bins in which packets become rates, with its unit.
    time, rate : str or None
        Column and unit of a table, ``COLUMN:unit``, or a unit alone.
    direction : str or None
        ``up`` or ``down``, if the user says.

    Raises
    ------
    OffloadSimError
        If there is no such file, or it cannot be read.
    """
    window_s = parse(window, "time")
    if window_s <= 0:
        raise UnitError(Problem(f'window "{window}" must be more than zero', 'write a time like "100 ms"'))
    told = Told(
        None if time is None else read_column("time", time),
        None if rate is None else read_column("rate", rate),
        _DIRECTIONS[direction] if direction else "unknown",
    )
    path = Path(reference)
    return import_trace(path if path.is_file() else _find(reference), format_, window_s, told)


def _find(reference: str) -> Path:
    if not paths.looks_like_path(reference) and reference in paths.names("trace"):
        return paths.find("trace", reference)
    return paths.find_file("trace", reference)


def write_trace(trace: ImportedTrace, file: Path | None) -> Path:
    """Write rates as the CSV that scenarios read.

    Parameters
    ----------
    trace : ImportedTrace
        Of rates.
    file : Path or None
        None stands for the name of the measurement with the suffix ``.trace.csv``, in the working directory.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    TraceError
        For round-trip times and LoRaWAN frames, which are no rates, and for the measurement itself as the target.
    ResultError
        If the file cannot be written.
    """
    content = trace.content
    if isinstance(content, RoundTrips):
        median = human(float(sorted(content.rtt_s)[content.rtt_s.size // 2]) / 2, "time")
        hint = f"`offload-sim trace info` shows them; half their median is link.propagation: {median}"
        raise TraceError(Problem("holds round-trip times, not rates", hint, file=trace.file))
    if isinstance(content, Frames):
        raise TraceError(Problem("holds LoRaWAN frames, not rates", _lora_hint(content), file=trace.file))
    target = file or Path(f"{Path(trace.file).stem}.trace.csv")
    refuse_source(trace.file, target)
    channel = content.channel()
    rows = [
        f"{round(time, 6)!r},{round(rate, 3)!r}"
        for time, rate in zip(channel.edges_s[:-1].tolist(), channel.rates_bps.tolist(), strict=True)
    ]
    lines = [f"# {line}" for line in _origin(trace)]
    write_files({target: "\n".join([*lines, "time_s,rate_bps", *rows, ""]).encode()})
    return target


def _lora_hint(frames: Frames) -> str:
    """What to write for frames instead: the link that they describe, and where their losses go."""
    return (
        "the nominal bit rate of a data rate is no throughput: airtime, duty cycle and losses take most of it; "
        f"the LoRa link that the frames describe, the band taken for EU868:\n    uplink: {described_link(frames)}\n    "
        "`offload-sim trace fit` gives their losses as a generator"
    )


def _origin(trace: ImportedTrace) -> list[str]:
    """Where a trace comes from and what was done to it, one line each."""
    path = Path(trace.file)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = [f"source: {path.name} (sha256 {digest})", f"format: {trace.format}", f"direction: {trace.direction}"]
    if trace.technology:
        known.append(f"technology: {trace.technology}")
    return [one_line(" ".join(line.split())) for line in (*known, *map(str, trace.findings))]


def refuse_source(file: str, target: Path) -> None:
    """Refuse to write over the measurement itself.

    Raises
    ------
    TraceError
    """
    if target.exists() and target.samefile(file):
        raise TraceError(Problem(f'"{target}" is the measurement itself', "write to another file with -o"))


def generator_yaml(generator: MarkovGenerator | GilbertElliottGenerator) -> bytes:
    """A generator as YAML, short lists on one line."""
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 4096
    stream = io.BytesIO()
    yaml.dump(generator.model_dump(mode="json", exclude_none=True), stream)
    return stream.getvalue()
