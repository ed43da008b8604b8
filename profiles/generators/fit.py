"""Writes the built-in generators: fitted to public measurements, of which nothing but statistics is kept.

Each file names the measurement, its authors and its licence. Several files of one campaign are fitted together.

Run: ``python profiles/generators/fit.py FOLDER`` with the folder that holds the measurements, one sub-folder for each
repository they come from (mahimahi, nuwins-5gmemu-uplink, sigcomm21-5g, ucc-5g, solis-wifi), each laid out as in its
repository.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from simulator.links.fit import Origin, fit_markov
from simulator.links.importers import import_trace
from simulator.links.importers.model import RateSeries
from simulator.links.importers.rows import laid_end_to_end
from simulator.studies.measurements import generator_yaml

NONE_STATED = "none stated by the source; only fitted numbers are kept here"
MAHIMAHI = (
    "K. Winstein, A. Sivaraman, H. Balakrishnan, NSDI 2013; ravinet/mahimahi at ae477d43, traces/",
    "repository GPL-3.0, none stated for the traces; only fitted numbers are kept here",
)
NUWINS = (
    "M. Ghoshal et al., 5G-MeMU 2022; NUWiNS/sigcomm-5gmemu-5g-mmWave-uplink-data at 255526a8, throughput/",
    NONE_STATED,
)
SIGCOMM = ("A. Narayanan et al., SIGCOMM 2021; SIGCOMM21-5G/artifact at 35aaf285, Power-Model/MN-Wild/", NONE_STATED)
UCC = ("D. Raca et al., MMSys 2020; uccmisl/5Gdataset at 306d92eb, 5G-production-dataset/", NONE_STATED)
SOLIS = ("G. Lv, 2023; GreenLv/Solis-WiFi-Trace at 1f5ec3b6, traces/", "MIT")


@dataclass(frozen=True)
class Measurement:
    """One generator to be: its title, the start of its citation, the licence, and the files it is fitted to."""

    title: str
    origin: tuple[str, str]
    files: tuple[str, ...]


MEASUREMENTS = {
    "3g-uplink-driving": Measurement(
        "3G UMTS uplink, T-Mobile USA, driving", MAHIMAHI, ("mahimahi/TMobile-UMTS-driving.up",)
    ),
    "lte-uplink-driving-2022": Measurement(
        "LTE uplink, USA, driving", NUWINS, ("nuwins-5gmemu-uplink/throughput/driving/lte/throughput.list",)
    ),
    "lte-downlink-driving": Measurement(
        "LTE downlink, AT&T USA, driving", MAHIMAHI, ("mahimahi/ATT-LTE-driving-2016.down",)
    ),
    "5g-mmwave-uplink-walking": Measurement(
        "5G mmWave uplink with its LTE leg, USA, walking past the base station",
        NUWINS,
        ("nuwins-5gmemu-uplink/throughput/walking/5g/lateral.list",),
    ),
    "5g-low-band-uplink-walking": Measurement(
        "5G SA low-band uplink, T-Mobile USA, walking",
        SIGCOMM,
        ("sigcomm21-5g/iperf-logs/S20UPM-run20070-iPerf.csv",),
    ),
    "5g-downlink-driving": Measurement(
        "5G NSA downlink with fallback to 4G and 3G, Ireland, driving",
        UCC,
        (
            "ucc-5g/Download/Driving/B_2020.02.27_20.35.57.csv",
            "ucc-5g/Download/Driving/B_2019.12.16_12.27.05.csv",
        ),
    ),
    "wifi-office": Measurement(
        "WiFi 5 uplink in an office, one place",
        SOLIS,
        (
            "solis-wifi/wifi_office_231114-151821.txt",
            "solis-wifi/wifi_office_231114-160442.txt",
            "solis-wifi/wifi_office_231115-144417.txt",
        ),
    ),
}


def main() -> None:
    """Write every generator beside this file."""
    folder = Path(sys.argv[1])
    for name, measurement in MEASUREMENTS.items():
        cited, licence = measurement.origin
        names = ", ".join(Path(file).name for file in measurement.files)
        origin = Origin(name, measurement.title, cited + names, licence)
        contents = [import_trace(folder / file).content for file in measurement.files]
        series = laid_end_to_end([content for content in contents if isinstance(content, RateSeries)])
        generator = fit_markov(series, origin)
        Path(__file__).with_name(f"{name}.yaml").write_bytes(generator_yaml(generator))


if __name__ == "__main__":
    main()
