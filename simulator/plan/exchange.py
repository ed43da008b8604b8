"""How long a message and its answer take in the mean, when the message meets the link at a random instant.

Both directions are independent, so that the answer meets its own at a random instant too, unless both are recordings
of equal length: those are played together. Recordings of unequal length drift past each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.links.base import LinkKind
from simulator.links.mean_transfer import InStep, MeanTransfer, RecordedTransfer
from simulator.physics.link import Channel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exchange:
    """Mean times of transfers over both directions of a link, losses left out.

    Attributes
    ----------
    up, down : MeanTransfer
        Of a transfer that meets its direction at a random instant.
    in_step : InStep or None
        Of an answer that meets the link where its message has left it.
    """

    up: MeanTransfer
    down: MeanTransfer
    in_step: InStep | None

    def times_s(self, bits_up: Floats, pause_s: Floats, bits_down: Floats) -> tuple[Floats, Floats]:
        """Mean times of messages and of their answers, which begin so long after them; arrays that go together."""
        up_s, down_s = self.up(bits_up), self.down(bits_down)
        if self.in_step is not None:
            bits_up, pause_s, bits_down, down_s = np.broadcast_arrays(bits_up, pause_s, bits_down, down_s)
            follows, down_s = bits_up > 0, down_s.copy()
            down_s[follows] = self.in_step(bits_up[follows], pause_s[follows], bits_down[follows])
        return up_s, down_s


def make_exchange(
    uplink: LinkKind, downlink: LinkKind, up_channel: Channel, down_channel: Channel, base: Path | None
) -> Exchange:
    """The exchange over a link; its channels are what its kinds say."""
    up, down = uplink.mean_transfer(up_channel, base), downlink.mean_transfer(down_channel, base)
    in_step = None
    if isinstance(up, RecordedTransfer) and isinstance(down, RecordedTransfer):
        is_drawn = uplink.is_random or downlink.is_random
        both_begin_anywhere = uplink.begins_anywhere == downlink.begins_anywhere
        if not is_drawn and both_begin_anywhere and up_channel.edges_s[-1] == down_channel.edges_s[-1]:
            in_step = InStep(up, down)
    return Exchange(up, down, in_step)
