"""Sample records: what each exit of a model says about each sample, and whether it is right.

A file is a CSV whose comment lines (``#``) name the models that it records (``# model: resnet50_exits``, or several
with commas between) and its source. Columns: ``sample``; for each early exit ``k`` from 1 on
``entropy_k`` or ``confidence_k`` (one of the two throughout) and ``correct_k``; last ``correct_final``. A model
without exits needs ``sample,correct_final`` only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator import paths
from simulator.errors import Problem, TraceError
from simulator.textfile import filled_lines, read_text

_HINT = "columns: sample, then entropy_1,correct_1 (or confidence_1,correct_1) for each exit, then correct_final"


@dataclass(frozen=True, eq=False)
class SampleRecords:
    """Scores and correctness of every sample at every exit.

    Attributes
    ----------
    scores : array of float, shape (samples, exits)
        Entropy or confidence at each early exit.
    correct : array of bool, shape (samples, exits + 1)
        Whether each exit, and last the final output, is right.
    small_is_sure : bool
        True for entropies, False for confidences.
    models : tuple of str
        Names of the models that were recorded; empty where the file does not say.
    """

    scores: NDArray[np.float64]
    correct: NDArray[np.bool_]
    small_is_sure: bool
    models: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of samples."""
        return int(self.correct.shape[0])

    @property
    def exits(self) -> int:
        """Number of early exits that the records know."""
        return int(self.scores.shape[1])


def load_samples(reference: str, base: Path | None = None) -> SampleRecords:
    """Read a sample record file by name or path.

    Raises
    ------
    TraceError
        For missing columns, values that are not numbers, scores that no softmax gives, and an empty file.
    """
    path = paths.find("samples", reference, base)
    file = str(path)
    text = read_text(path, TraceError)
    rows = filled_lines(text)
    if len(rows) < 2:
        raise TraceError(Problem("holds no samples", _HINT, file=file))
    header = [name.strip() for name in rows[0][1].split(",")]
    score = "confidence" if "confidence_1" in header else "entropy"
    exits = sum(name.startswith(f"{score}_") for name in header)
    wanted = [f"{part}_{k}" for k in range(1, exits + 1) for part in (score, "correct")]
    if header != ["sample", *wanted, "correct_final"]:
        raise TraceError(Problem(f'header is "{rows[0][1][:80]}"', _HINT, file=file, line=rows[0][0], column=1))
    table = np.empty((len(rows) - 1, len(header)))
    problems = []
    for k, (number, line) in enumerate(rows[1:]):
        try:
            table[k] = [float(field) for field in line.split(",")]
        except ValueError:
            problems.append(
                Problem(f'"{line[:60]}" does not hold {len(header)} numbers', file=file, line=number, column=1)
            )
            if len(problems) == 5:
                break
    if problems:
        raise TraceError(problems)
    scores = table[:, 1:-1:2]
    correct = np.column_stack((table[:, 2:-1:2], table[:, -1]))
    if not np.isfinite(scores).all():
        raise TraceError(
            Problem("holds scores that are not finite", "each entropy or confidence is a number", file=file)
        )
    if not np.isin(correct, (0.0, 1.0)).all():
        raise TraceError(
            Problem("holds correct values other than 0 and 1", "write 1 for right, 0 for wrong", file=file)
        )
    most = 1.0 if score == "confidence" else np.inf
    if (scores < 0).any() or (scores > most).any():
        wrong = float(scores[(scores < 0) | (scores > most)][0])
        what = "an entropy is at least 0" if score == "entropy" else "a confidence lies between 0 and 1"
        raise TraceError(Problem(f"holds the {score} {wrong:g}", what, file=file))
    return SampleRecords(scores, correct.astype(bool), score == "entropy", _models(text.splitlines()))


def check_model(records: SampleRecords, model: str) -> None:
    """Refuse the records of another model.

    Raises
    ------
    TraceError
        When the records name other models, or none.
    """
    if model in records.models:
        return
    other = "if what it records holds for this model all the same, write any_model: true"
    if records.models:
        raise TraceError(Problem(f"records {' and '.join(records.models)}, not {model}", other))
    raise TraceError(Problem("does not say which model it records", f"add the line # model: {model}; {other}"))


def _models(lines: list[str]) -> tuple[str, ...]:
    """What the comment lines say of the models."""
    said = [line[1:].strip().removeprefix("model:") for line in lines if re.match(r"#\s*model:", line)]
    return tuple(name.strip() for names in said for name in names.split(",") if name.strip())
