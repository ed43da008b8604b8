"""``python -m simulator.devices.calibrate``: fit the device cards to published latencies (``make calibrate``).

Writes the cards in place (only the fitted numbers) and the report ``profiles/devices/CALIBRATION.md``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from simulator import paths
from simulator.devices.calibration import Outcome, calibrate
from simulator.devices.calibration_report import report, summary
from simulator.devices.fitting import FITTED_KINDS
from simulator.devices.latencies import read_latencies
from simulator.errors import OffloadSimError
from simulator.profiling.model import load_profile
from simulator.units import human


def write_card(outcome: Outcome, path: Path) -> None:
    """Put the fitted numbers into a card file, keeping everything else as it stands."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(path.read_text(encoding="utf-8"))
    compute, numbers = document["compute"], outcome.numbers
    used, rows = len(outcome.fitted), len(outcome.fitted) + len(outcome.held_out)
    fitted = f"fitted to {used} of {rows} published latencies, see CALIBRATION.md" if used else ""
    borrowed = "prior from cards of the same family, see CALIBRATION.md"
    how = {kind: fitted if kind in outcome.seen else borrowed for kind in FITTED_KINDS}
    how |= {"linear": "as pointwise_conv: a matrix product", "default": "as pointwise_conv: a matrix product"}
    how["grouped_conv"] = "geometric mean of conv and depthwise_conv"
    compute["rates"] = CommentedMap(
        (kind, _estimated(human(rate, "compute rate"), how[kind])) for kind, rate in numbers.rates.items()
    )
    compute["bandwidth"] = _estimated(human(numbers.bytes_per_s, "bandwidth"), fitted or borrowed)
    compute["overhead"] = _estimated(human(numbers.overhead_s, "time"), fitted or borrowed)
    compute["half_rate_channels"] = _estimated(float(f"{numbers.half_rate_channels:.3g}"), fitted or borrowed)
    text = io.StringIO()
    yaml.dump(document, text)
    _write(path, text.getvalue())


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _estimated(value: str | float, how: str) -> CommentedMap:
    quoted = DoubleQuotedScalarString(value) if isinstance(value, str) else value
    entry = CommentedMap(value=quoted, estimated=DoubleQuotedScalarString(how))
    entry.fa.set_flow_style()
    return entry


def main() -> int:
    """Calibrate, write cards and report, print the report's table; 2 for a mistake of the user."""
    try:
        rows = read_latencies()
        profiles = {row.model: load_profile(row.model) for row in rows if not row.excluded}
        outcomes = calibrate(rows, profiles)
        for outcome in outcomes:
            write_card(outcome, paths.folder("device") / f"{outcome.card}.yaml")
        text = report(outcomes, rows, profiles)
    except OffloadSimError as error:
        print(error, file=sys.stderr)
        return 2
    _write(paths.folder("device") / "CALIBRATION.md", text)
    print(summary(outcomes, profiles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
