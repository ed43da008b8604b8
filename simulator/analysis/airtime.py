"""What a LoRaWAN link makes of a policy's requests, in a sentence: frames, time on air, and the time they take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import units
from simulator.analysis.result import Result


def frame_sentences(result: Result) -> list[str]:
    """One sentence for each policy that sent frames; empty for a result without LoRa."""
    if "frames" not in result.table.column_names:
        return []
    return list(_sentences(result.table.filter(pc.greater(result.table["frames"], 0))))


def _sentences(sent: pa.Table) -> Iterator[str]:
    for policy in dict.fromkeys(sent["policy"].to_pylist()):
        mine = sent.filter(pc.equal(sent["policy"].cast(pa.string()), policy))
        frames, lost, airtime_s, service_s = (
            mine[name].cast(pa.float64()).to_numpy()
            for name in ("frames", "frames_lost", "airtime_s", "uplink_service_s")
        )
        on_air = units.human(airtime_s.mean(), "time")
        text = f"LoRa, {policy}: a request takes {frames.mean():.4g} frames and {on_air} on the air"
        if not np.isnan(service_s).all():
            rest = "its uplink, with duty cycle and receive windows,"
            text += f"; {rest} takes {units.human(float(np.nanmean(service_s)), 'time')}"
        yield f"{text}. {100 * lost.sum() / frames.sum():.1f} % of the frames are lost."
