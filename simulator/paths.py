"""Where built-in profiles and scenarios lie: the checkout first, the installed copy second.

A name is looked up as a built-in; anything with a slash or a suffix is a path of the user's own. Names never lead
out of their folder. Behind a model may stand ``@VARIANT``, a row of a table of compressed models.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from os.path import getsize, isdir, isfile
from pathlib import Path
from types import MappingProxyType

from simulator.errors import NotFoundError, Problem, did_you_mean

#: kind -> (folder below the data root, file suffix)
FOLDERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "model": ("profiles/models", ".json"),
        "device": ("profiles/devices", ".yaml"),
        "radio": ("profiles/radios", ".yaml"),
        "trace": ("profiles/traces", ".csv"),
        "generator": ("profiles/generators", ".yaml"),
        "samples": ("profiles/samples", ".csv"),
        "scenario": ("scenarios", ".yaml"),
    }
)

#: the largest file of each kind in bytes: a hundred times what anyone has, and no more than fits into memory when read
LARGEST: Mapping[str, int] = MappingProxyType(
    {
        "model": 32_000_000,
        "device": 200_000,
        "radio": 200_000,
        "trace": 128_000_000,
        "generator": 200_000,
        "samples": 128_000_000,
        "arrivals": 128_000_000,
        "scenario": 200_000,
    }
)

#: table of the variants of models, in their folder; what stands for any model in it
VARIANTS = "variants.csv"
ANY_MODEL = "*"

#: how much of a reference an error message shows
_SHOWN = 200


def data_root() -> Path:
    """Folder that holds ``profiles/`` and ``scenarios/``."""
    package = Path(__file__).resolve().parent
    checkout = package.parent
    if (checkout / "profiles" / "models").is_dir() and (checkout / "setup.cfg").is_file():
        return checkout
    return package / "builtin"


def folder(kind: str) -> Path:
    """Folder of the built-in files of one kind (a key of `FOLDERS`)."""
    return data_root() / FOLDERS[kind][0]


def names(kind: str) -> list[str]:
    """Names of all built-in files of one kind, sorted."""
    suffix = FOLDERS[kind][1]
    return sorted(path.name.removesuffix(suffix) for path in folder(kind).glob(f"*{suffix}"))


def looks_like_path(reference: str) -> bool:
    """Whether a reference means a file of the user's own rather than a built-in name."""
    return "/" in reference or "\\" in reference or reference.lower().endswith((".json", ".yaml", ".yml", ".csv"))


def variant_lines() -> list[str]:
    """The table of the variants of models without its comments, header first."""
    lines = (folder("model") / VARIANTS).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def split_variant(reference: str) -> tuple[str, str]:
    """A reference to a model, and the variant of it that is meant; empty for the model itself."""
    model, at, variant = reference.rpartition("@")
    if not at or any(mark in variant for mark in "./\\"):
        return reference, ""
    return model, variant


def find(kind: str, reference: str, base: Path | None = None) -> Path:
    """The file behind a reference; of a variant of a model, the file of that model.

    Parameters
    ----------
    kind : str
        A key of `FOLDERS`.
    reference : str
        Name of a built-in, or a path (relative to ``base``, else to the working directory).
    base : Path, optional
        Folder of the file that holds the reference.

    Raises
    ------
    NotFoundError
        Naming the nearest built-ins; and for a file that is too large to be one of its kind.
    """
    model, variant = split_variant(reference) if kind == "model" else (reference, "")
    if model != reference:
        found = find(kind, model, base)
        _require_variant(model, variant)
        return found
    if looks_like_path(reference):
        found = find_file(kind, reference, base)
        require_size(kind, found)
        return found
    path = folder(kind) / f"{reference}{FOLDERS[kind][1]}"
    if isfile(path):
        return path
    plural = kind if kind.endswith("s") else f"{kind}s"
    own = f"{reference}{FOLDERS[kind][1]}"
    if any(isfile(place / own) for place in (base or Path(), Path())):
        hint = f"a file of your own is given with its ending: {own[:_SHOWN]}"
    else:
        hint = did_you_mean(reference, names(kind)) or f"`offload-sim list {plural}` shows them"
    raise NotFoundError(Problem(f'no built-in {kind} is called "{reference[:_SHOWN]}"', hint))


def _require_variant(model: str, variant: str) -> None:
    """Refuse a variant that a model does not have."""
    known = [row["variant"] for row in csv.DictReader(variant_lines()) if row["model"] in (model, ANY_MODEL)]
    if variant not in known:
        hint = did_you_mean(variant, known) or "known: " + ", ".join(known)
        raise NotFoundError(Problem(f'"{model[:_SHOWN]}" has no variant called "{variant[:_SHOWN]}"', hint))


def require_size(kind: str, path: Path) -> None:
    """Refuse a file that would not fit into memory, before it is read.

    Raises
    ------
    NotFoundError
        Saying how large it is, and how large a file of its kind (a key of `LARGEST`) may be.
    """
    size, most = getsize(path), LARGEST[kind]
    if size > most:
        message = f"has {size / 1e6:,.0f} MB, and a file of this kind at most {most / 1e6:g} MB"
        raise NotFoundError(Problem(message, f"is this the {kind} file that you mean?", file=str(path)))


def find_file(what: str, reference: str, base: Path | None = None) -> Path:
    """A file of the user's own, relative to ``base`` or else to the working directory.

    Raises
    ------
    NotFoundError
        Saying where it was looked for; ``what`` is the word for the file in the message.
    """
    path = Path(reference)
    candidates = [path] if path.is_absolute() or base is None else [base / path, path]
    for candidate in candidates:
        if isfile(candidate):
            return candidate
    wrong = "is a folder" if any(map(isdir, candidates)) else "does not exist"
    message = f'{what} file "{reference[:_SHOWN]}" {wrong}'
    looked = dict.fromkeys(str(candidate)[:_SHOWN] for candidate in candidates)
    raise NotFoundError(Problem(message, "looked at " + ", ".join(looked)))
