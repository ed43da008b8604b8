"""Small measurement files in every format that can be imported, written by hand; none is taken from a data set."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

MAHIMAHI = "0\n0\n0\n500\n1500\n1500\n2000\n"
TWO_COLUMN = "10.0\t4.0\n11.0\t8.0\n12.0\t6.0\n"
UNIT_PER_ROW = "2.5,Mbits/sec\r\n500,Kbits/sec\r\n0,bits/sec\r\n"
NUWINS = "####\nRun 1\n0.125,2.0625,4.1875\n\nRun 3\n8.03125,9.03125\n"
NUWINS_LEGS = "Run 1\n0.1,0.2,0.3\n10.125,20.125,30.125\n0.11,0.25,0.22\n0,4.0,8.0\n"
NUWINS_PING = "Run 1\n31.2,141.0,29.9\nRun 2\n30.1\n"
NUTTCP_ROW = "    1.0000 MB /   0.10 sec = {rate:8.4f} Mbps     0 retrans    253 KB-cwnd\n"
NUTTCP = (
    "1660066645155\nnuttcp-t: v8.1.4: socket\n"
    + "".join(NUTTCP_ROW.format(rate=rate) for rate in [10.0, 30.0] * 10 + [99.0])
    + "nuttcp-t: 9.0 MB in 2.00 real seconds = 40.0 Mbps\n"
)
PING = (
    "PING 192.0.2.1 (192.0.2.1) 38(66) bytes of data.\n"
    "46 bytes from 192.0.2.1: icmp_seq=1 ttl=40 time=10.0 ms\n"
    "46 bytes from 192.0.2.1: icmp_seq=2 ttl=40 time=20.0 ms\n"
    "46 bytes from 192.0.2.1: icmp_seq=4 ttl=40 time=60.0 ms\n"
    "\n--- 192.0.2.1 ping statistics ---\n"
    "5 packets transmitted, 3 received, 40% packet loss, time 800ms\n"
    "rtt min/avg/max/mdev = 10.0/30.0/60.0/21.6 ms\n"
)
G_NETTRACK = (
    "Timestamp,Longitude,Latitude,NetworkMode,DL_bitrate,UL_bitrate,State\n"
    "2020.01.01_23.59.59,0,0,5G,1000,10,D\n"
    "2020.01.01_23.59.59,0,0,5G,3000,10,D\n"
    "2020.01.02_00.00.00,0,0,LTE,-,10,D\n"
    "2020.01.02_00.00.02,0,0,LTE,5000,10,I\n"
)
IPERF_HEADER = "parent_file,exp_label,_start,_end,bits_per_second,Throughput,run_number,iperf_did\n"
RUN_SUMMARY = "Index,Provider,Network Type,Direction,Iperf run number,Device\n1,Acme,SA only,{direction},7,PHONE\n"
UFJF = "Time,GPS Time,id,Latitude,ED RSSI,GW RSSI\n23:59:55,1,0,0,-100,-110\n00:00:03,1,2,0,-101,-112\n"
IPERF_TEXT = (
    "Connecting to host 192.0.2.1, port 5201\nReverse mode, remote host 192.0.2.1 is sending\n"
    "[  5] local 192.0.2.2 port 40000 connected to 192.0.2.1 port 5201\n"
    "[ ID] Interval           Transfer     Bitrate\n"
    "[  5]   0.00-1.00   sec  1.50 MBytes  12.5 Mbits/sec\n"
    "[  5]   1.00-2.00   sec   512 KBytes  4096 Kbits/sec\n"
    "[  5]   2.00-3.00   sec  0.00 Bytes  0.00 bits/sec\n"
    "- - - - - - - - - - - - - - - - - - - - - - - - -\n"
    "[ ID] Interval           Transfer     Bitrate         Retr\n"
    "[  5]   0.00-3.04   sec  2.10 MBytes  5.53 Mbits/sec    0             sender\n"
    "[  5]   0.00-3.00   sec  2.00 MBytes  5.53 Mbits/sec                  receiver\n\niperf Done.\n"
)
SABRE = (
    '[{"duration_ms": 5000, "bandwidth_kbps": 1000, "latency_ms": 20},\n'
    ' {"duration_ms": 2500, "bandwidth_kbps": 4000.5, "latency_ms": 60}]\n'
)
LORAWAN_CSV = (
    "Time;DevEUI;FCnt;SF;RSSI;SNR\n2024-05-01 10:00:00;A1;7;7;-119,5;-7,25\n2024-05-01 10:10:00;A1;8;7;-120;-8\n"
    "2024-05-01 10:30:00;A1;10;8;-121;\n"
)


def iperf(rates_mbps: list[float]) -> str:
    """An iPerf log of one row a second, its last row twice."""
    rows = [f"a.txt,a,{k}.0,{k + 1}.0,{rate * 1e6},{rate},7,PHONE" for k, rate in enumerate(rates_mbps)]
    return IPERF_HEADER + "\n".join([*rows, rows[-1]]) + "\n"


def merged(rates_mbps: list[float], direction: str) -> str:
    """A merged CSV with a quoted list in one of its columns."""
    header = "_start,_end,nrStatus_array,downlink_mbps,uplink_mbps,Throughput,provider,radio_type_used,direction\n"
    rows = [
        f"{k}.0,{k + 1}.0,\"['A', 'B']\",0.1,5.0,{rate},Acme,NSA+LTE,{direction}" for k, rate in enumerate(rates_mbps)
    ]
    return header + "\n".join(rows) + "\n"


def iperf3(rates_bps: list[float], reverse: int) -> str:
    """Output of iperf3 --json; its first interval was omitted."""
    sums = [{"start": k, "end": k + 1, "bits_per_second": rate, "omitted": k == 0} for k, rate in enumerate(rates_bps)]
    start = {"version": "iperf 3.7", "test_start": {"protocol": "TCP", "reverse": reverse}}
    return json.dumps({"start": start, "intervals": [{"streams": [], "sum": each} for each in sums], "end": {}})


def helium(counters: list[int], spreading: str = "SF12BW125") -> str:
    """Frames every ten seconds in the Helium form."""
    heard = {"frequency": 868.1, "rssi": -120, "snr": -5.5, "spreading": spreading}
    frames = [{"_timestamp": 10_000 * k, "fcnt": counter, "hotspots": [heard]} for k, counter in enumerate(counters)]
    return "\n".join(map(json.dumps, frames)) + "\n"


def chirpstack(counters: list[int], data_rate: int = 5) -> str:
    """Frames every ten seconds in the ChirpStack form, after a status message."""
    radio = {"txInfo": {"dr": data_rate, "frequency": 868100000}, "rxInfo": [{"rssi": -119, "loRaSNR": -7.2}]}
    frames = [{"_timestamp": 10_000 * k, "fCnt": counter, **radio} for k, counter in enumerate(counters)]
    return "\n".join(map(json.dumps, [{"_timestamp": 0, "margin": 3, "batteryLevel": 0}, *frames])) + "\n"


def ttn(counters: list[int]) -> str:
    """Uplink events every ten seconds after a join; counter 0 is absent."""
    events: list[dict[str, object]] = [{"end_device_ids": {}, "received_at": "2022-11-30T13:00:00Z", "join_accept": {}}]
    for k, counter in enumerate(counters):
        message = {
            "received_at": f"2022-11-30T13:00:{10 * k:02d}.123456789Z",
            "rx_metadata": [{"rssi": -121, "snr": -7.8}],
            "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 12}}},
            **({"f_cnt": counter} if counter else {}),
        }
        events.append({"end_device_ids": {}, "received_at": message["received_at"], "uplink_message": message})
    return "\n".join(map(json.dumps, events)) + "\n"


#: format -> a file of it
EVERY_FORMAT = {
    "offload-sim": "# direction: uplink\ntime_s,rate_bps\n0,1000000\n1,2000000\n",
    "mahimahi": MAHIMAHI,
    "two-column": TWO_COLUMN,
    "unit-per-row": UNIT_PER_ROW,
    "nuwins-list": NUWINS,
    "nuwins-ping-list": NUWINS_PING,
    "nuttcp": NUTTCP,
    "ping": PING,
    "g-nettrack": G_NETTRACK,
    "sigcomm21-iperf": iperf([5.0, 6.0]),
    "sigcomm21-merged": merged([5.0, 6.0], "uplink"),
    "iperf3": iperf3([1e6, 2e6, 3e6], 1),
    "campusiot-helium": helium([1, 2]),
    "campusiot-chirpstack": chirpstack([1, 2]),
    "ttn": ttn([0, 1]),
    "ufjf-csv": UFJF,
    "iperf-text": IPERF_TEXT,
    "sabre": SABRE,
    "lorawan-csv": LORAWAN_CSV,
}


def written(folder: Path, content: str, name: str = "measurement", packed: bool = False) -> Path:
    """A measurement as a file."""
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    return path
