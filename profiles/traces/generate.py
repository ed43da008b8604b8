"""Writes the built-in traces: rates that follow published percentiles, drawn with a fixed seed.

No measurement is shipped. A trace is a stationary Gaussian AR(1) series of one value a second, turned into a rate
through the quantile function that joins the published percentiles (5, 25, 50, 75, 95) log-linearly, ends kept at the
outer percentiles. The percentiles are published; the autocorrelation (0.8 after one second) is our estimate.

Source: NUWiNS, year-long 5G uplink study (IFIP Networking 2024, github.com/NUWiNS/ifip2024_year_long_5G_uplink_study
at d17b0a24), per-cell means of iPerf uplink in the USA; Ookla tests of the SIGCOMM 2021 5G artifact
(github.com/SIGCOMM21-5G/artifact at 35aaf285) for the downlink.

Run: ``python profiles/traces/generate.py``
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import ndtr

SECONDS = 300
AUTOCORRELATION = 0.8
PERCENTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
#: name -> (seed, Mbit/s at the percentiles, what was measured)
TRACES = {
    "lte-uplink-driving": (1, (0.3, 3.7, 9.6, 26.2, 51.8), "LTE uplink, USA, mobile, per-cell means; NUWiNS IFIP 2024"),
    "5g-uplink-driving": (2, (1.2, 9.0, 20.3, 43.9, 106.0), "5G uplink, USA, mobile, per-cell means; NUWiNS IFIP 2024"),
    "lte-downlink-speedtest": (
        3,
        (53.0, 73.0, 117.0, 162.0, 198.0),
        "Verizon LTE downlink, Ookla; SIGCOMM 2021",
    ),
}


def rates_mbps(seed: int, quantiles: tuple[float, ...]) -> np.ndarray:
    """One trace, shape (SECONDS,)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    noise = generator.standard_normal(SECONDS)
    series = np.empty(SECONDS)
    series[0] = noise[0]
    for k in range(1, SECONDS):
        series[k] = AUTOCORRELATION * series[k - 1] + np.sqrt(1 - AUTOCORRELATION**2) * noise[k]
    # ranks make the sample follow the published distribution, whatever the luck of the draw
    uniform = (np.argsort(np.argsort(ndtr(series))) + 0.5) / SECONDS
    return np.exp(np.interp(uniform, PERCENTILES, np.log(quantiles)))


def main() -> None:
    """Write every trace beside this file."""
    for name, (seed, quantiles, measured) in TRACES.items():
        rows = [f"{k},{rate * 1e6:.0f}" for k, rate in enumerate(rates_mbps(seed, quantiles))]
        header = [
            f"# source: percentiles of {measured}",
            f"# estimated: order of the values drawn by profiles/traces/generate.py, seed {seed}, "
            f"autocorrelation {AUTOCORRELATION} after 1 s",
            "time_s,rate_bps",
        ]
        Path(__file__).with_name(f"{name}.csv").write_text("\n".join(header + rows) + "\n")


if __name__ == "__main__":
    main()
