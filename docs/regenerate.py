"""``make readme``: what the README shows of the program, made again by the program.

Replaces the blocks between ``<!-- NAME -->`` and ``<!-- /NAME -->`` of README.md (printed tables, explained cuts, the
calibration table), draws the figures in ``docs/images`` and writes ``docs/metrics.md``. The prose around them, and the
block ``bench``, are written by hand: read them again after a change.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import metrics

ROOT = Path(__file__).parents[1]
#: figure -> scenario that draws it
FIGURES = {"rate_sweep.svg": "quickstart", "latency_parts.svg": "quickstart", "radio_timeline.svg": "3g-commute"}
#: columns of `explain` that fit beside each other
COLUMNS = ("cut after", "device", "bytes up", "uplink", "latency", "energy", "taken by")
NOT_VALIDATED = "| - | - | - | - |"


def offload_sim(*arguments: str) -> list[str]:
    """Lines that a command prints, trailing spaces removed."""
    command = [sys.executable, "-m", "simulator", *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return [line.rstrip() for line in said.splitlines()]


def report(scenario: str, target: Path) -> list[str]:
    """What a run prints, without the files that it wrote."""
    lines = offload_sim("run", scenario, "-o", str(target))
    kept = lines[: next(k for k, line in enumerate(lines) if line.startswith("Written to"))]
    return "\n".join(kept).strip("\n").splitlines()


def explained(scenario: str) -> list[str]:
    """The taken cuts of `explain`, some columns of each."""
    lines = offload_sim("explain", scenario)
    header = next(line for line in lines if line.startswith("cut after"))
    names = re.split(r"\s{2,}", header)
    rows = [re.split(r"\s{2,}", line) for line in lines]
    shown = [names] + [row for row in rows if row != names and len(row) == len(names)]
    cells = [[row[names.index(column)] for column in COLUMNS] for row in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    ends = (0, len(COLUMNS) - 1)
    return [
        "  ".join(
            cell.ljust(width) if k in ends else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def calibration() -> tuple[list[str], list[str]]:
    """Table of the validated cards, and the names of the others."""
    text = (ROOT / "profiles/devices/CALIBRATION.md").read_text(encoding="utf-8").partition("## Every prediction")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    others = [row.split("|")[1].strip() for row in rows if row.endswith(NOT_VALIDATED)]
    return [row for row in rows if not row.endswith(NOT_VALIDATED)], others


def main() -> None:
    """Write README.md and the figures."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
        assert scenario
        camera = folder / "camera.yaml"
        camera.write_text(scenario.group(1), encoding="utf-8")
        validated, others = calibration()
        blocks = {
            "quickstart": ["```", *report("quickstart", folder / "quickstart"), "```"],
            "camera": ["```", *report(str(camera), folder / "camera"), "```"],
            "explain": ["```", *explained(str(camera)), "```"],
            "calibration": ["", *validated, ""],
            "not validated": ["- **Not validated** (too few rows to hold any out): " + ", ".join(others) + "."],
        }
        for block, lines in blocks.items():
            start, end = f"<!-- {block} -->\n", f"<!-- /{block} -->"
            before, _, rest = text.partition(start)
            text = before + start + "\n".join(lines) + "\n" + end + rest.partition(end)[2]
        report("3g-commute", folder / "3g-commute")
        for figure, drawn_by in FIGURES.items():
            shutil.copy(folder / drawn_by / "figures" / figure, ROOT / "docs" / "images" / figure)
    readme.write_text(text, encoding="utf-8")
    metrics.PAGE.write_text(metrics.page(), encoding="utf-8")


if __name__ == "__main__":
    main()
