"""``make bench``: what a decision for each request costs, against one option for all in the same event loop.

The rule is `adaptive` over 3 and over 20 options. Its scores are shifted so that it always comes to the option that the
other run has from the beginning: both then have the same events, and give the same log but for what they know. Both
take turns, several times, and the least processor time of each counts.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from system import SYSTEMS, Prepared, document, ready
from worlds import card, chain

from simulator.engines import fast

ROUNDS = 6
#: of each of ten devices
REQUESTS = 100_000
#: layers between the input and the output: one cut more than there are layers
LAYERS = {3: 2, 20: 19}
#: of the device for all that is not before the first cut, where nobody lets it run
_SLOW_REST_S = 0.5


def prepared(layers: int, policy: dict[str, str]) -> Prepared:
    """The system of plain links, its model of so many layers that are cut after the first or anew for each request."""
    timed = SYSTEMS["plain links"]
    setting = timed.setting
    with tempfile.TemporaryDirectory() as name:
        made, folder = document(Path(name), timed, REQUESTS), Path(name)
        inner = [f"layer{k}" for k in range(1, layers)]
        # each cut sends less than the one before it, and the device is slow, lest cuts be beaten whatever is known
        sizes = {layer: 2000 - 40 * (k + 1) for k, layer in enumerate(inner)}
        made["model"] = chain(folder, {"head": 2000, **sizes, inner[-1]: 500}, input_bytes=8000)
        rest = {layer: f"{_SLOW_REST_S / len(inner):.9f} s" for layer in inner}
        made["device"] = card(folder, "device", "device", {"head": f"{setting.device_s} s", **rest})
        rest = {layer: f"{setting.edge_s / len(inner):.9f} s" for layer in inner}
        made["server"] = card(folder, "server", "server", {"head": "2 ms", **rest}, workers=setting.workers)
        return ready(made | {"policies": [policy]})


def held(deciding: Prepared, row: int) -> Prepared:
    """The same with scores that leave one option the best, whatever the device knows."""
    rule = deciding.plan.rule
    assert rule is not None
    shifted = rule.constant_s + np.where(rule.row == row, 0.0, 1e6)
    return deciding._replace(plan=replace(deciding.plan, rule=replace(rule, constant_s=shifted)))


def main() -> None:
    """Print requests a second with one option, and how much longer deciding takes."""
    for options, layers in LAYERS.items():
        fixed = prepared(layers, {"kind": "split", "at": "head"})
        deciding = held(prepared(layers, {"kind": "adaptive"}), int(fixed.plan.chosen_row[0]))
        assert deciding.plan.rule is not None
        assert deciding.plan.rule.row.size == options
        seconds: dict[str, list[float]] = {"fixed": [], "deciding": []}
        finish_s = {}
        for _ in range(ROUNDS):
            for name, ready_one in (("fixed", fixed), ("deciding", deciding)):
                started = time.process_time()
                log = fast.looped(ready_one.plan, ready_one.workload)
                seconds[name].append(time.process_time() - started)
                finish_s[name] = log.finish_s
        assert np.array_equal(finish_s["fixed"], finish_s["deciding"])
        one, other = min(seconds["fixed"]), min(seconds["deciding"])
        print(
            f"event loop with one option: {fixed.workload.size / one:.0f} requests/s; "
            f"deciding between {options} for each request takes {other / one:.2f} times as long"
        )


if __name__ == "__main__":
    main()
