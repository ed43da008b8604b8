"""Which folder a run writes to, and whether it may replace the result that stands there.

A run of the scenario as its file says goes to ``results/<name>/``; one with changes from the command line goes to a
folder of its own beside it, named after them (``results/camera-link.uplink.rate=2-Mbit-s/``). A result is replaced only
by a run of the same scenario: the same fields with the same values, seed included, whatever its name and description
say. Files that the scenario refers to are not compared: a profile or trace that has changed makes the result out of
date, not another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.errors import Problem, ResultError

RESULTS = Path("results")
#: what every result says of its format, whatever the version
_FORMAT = "offload-sim result"
#: fields that say nothing about what is simulated
_WORDS = frozenset({"name", "description"})
#: longest name of a folder that is made of changes
_LONGEST = 80
#: differences that a message tells, and letters of a value in it
_TOLD, _SHOWN = 3, 40


def default_folder(name: str, overrides: Sequence[str] = (), seed: int | None = None) -> Path:
    """Folder of a run, if nobody names another.

    Parameters
    ----------
    name : str
        Name of the scenario.
    overrides : sequence of str
        Changes ``path=value``; of two of the same path the later one counts.
    seed : int, optional
        Instead of the scenario's own.

    Examples
    --------
    >>> default_folder("camera", ["link.uplink.rate=2 Mbit/s"]).as_posix()
    'results/camera-link.uplink.rate=2-Mbit-s'
    """
    changes = {path.strip(): value.strip() for path, _, value in (option.partition("=") for option in overrides)}
    if seed is not None:
        changes["seed"] = str(seed)
    text = ",".join(f"{path}={value}" for path, value in sorted(changes.items()) if path not in _WORDS)
    if not text:
        return RESULTS / name
    words = re.sub(r"[^\w.=,+-]+", "-", text, flags=re.ASCII).strip("-")
    # blanks and slashes are in every unit; what else was left out, or cut off, a digest tells apart
    if len(words) > _LONGEST or re.search(r"[^\w.=,+\- /]", text, flags=re.ASCII):
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        words = f"{words[:_LONGEST].strip('-')}-{digest}"
    return RESULTS / f"{name}-{words}"


def require_same_scenario(folder: Path, scenario: Mapping[str, Any]) -> None:
    """Refuse to replace the result of another scenario.

    Parameters
    ----------
    folder : Path
        Where a result is to be written; one without a result is no matter of this function.
    scenario : mapping
        The scenario as it will stand in the manifest.

    Raises
    ------
    ResultError
        Saying what differs.
    """
    known = _scenario_in(folder)
    if known is None:
        return
    differences = list(_differences(known, scenario, ""))
    if not differences:
        return
    told = "; ".join(differences[:_TOLD])
    if len(differences) > _TOLD:
        told += f"; and {len(differences) - _TOLD} more"
    hint = "keep it and choose another folder with -o, or replace it with --replace (from Python: replace=True)"
    raise ResultError(Problem(f'"{folder}" holds the result of another scenario: {told}', hint))


def _scenario_in(folder: Path) -> Mapping[str, Any] | None:
    """The scenario of the result that a folder holds."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(manifest, dict) or not str(manifest.get("format")).startswith(_FORMAT):
        return None
    scenario = manifest.get("scenario")
    return scenario if isinstance(scenario, dict) else {}


def _differences(there: Any, here: Any, path: str) -> Iterator[str]:
    """What differs, as ``seed: 1 there, 2 now``; a field that one side lacks equals null."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in dict.fromkeys((*there, *here)):
            if path or key not in _WORDS:
                yield from _differences(there.get(key), here.get(key), f"{path}.{key}" if path else key)
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for number, (one, other) in enumerate(zip(there, here, strict=True)):
            yield from _differences(one, other, f"{path}.{number}")
    elif there != here:
        yield f"{path}: {_short(there)} there, {_short(here)} now"


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
