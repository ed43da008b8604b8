"""Cells whose airtime is shared, in the reference engine: which event follows which; the rules are `engines.cells`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.engines.cells import airtime_left_s, enter_cell, leave_cell, make_cells
from simulator.engines.direction import Direction

if TYPE_CHECKING:
    from simulator.engines.reference import Callbacks, Moment, Run

#: added to the number of a cell, so that its end comes after the other completions of its instant
_CELL = 1 << 39


class CellNetwork:
    """All shared cells of a run."""

    def __init__(self, run: Run, cell_of: NDArray[np.int32]) -> None:
        self.run = run
        self.cell_of = cell_of.tolist()
        self.cells = make_cells(cell_of)
        #: direction and airtime of each transfer that waits for its radio or is going on
        self.transfers: dict[int, tuple[Direction, float]] = {}
        self.on_entry: Callbacks = [self.enter]
        self.on_end: Callbacks = [self.end]

    def admit(self, way: Direction, request: int, begin_s: float, bits: float) -> None:
        """A transfer whose bits can flow from an instant on."""
        run = self.run
        rate_bps = way.channels[run.device[request]][1][0]
        self.transfers[request] = way, bits / rate_bps
        run.agenda.at(begin_s, request, request, self.on_entry)

    def enter(self, moment: Moment) -> None:
        """Bits begin to flow."""
        request, agenda = moment.request, self.run.agenda
        cell = self.cell_of[self.run.device[request]]
        due = enter_cell(self.cells, cell, agenda.now, self.transfers[request][1], request)
        agenda.at(due, _CELL + cell, cell, self.on_end)

    def end(self, moment: Moment) -> None:
        """A transfer ends, unless somebody has come or gone since this end was foreseen."""
        cell, agenda = moment.request, self.run.agenda
        due_s = self.cells[-1]
        if agenda.now != due_s[cell]:
            return
        request = leave_cell(self.cells, cell, agenda.now)
        if due_s[cell] < math.inf:
            agenda.at(due_s[cell], _CELL + cell, cell, self.on_end)
        self.run.off_air(self.run.device[request])
        self.transfers.pop(request)[0].ended(request)

    def close(self, horizon_s: float) -> None:
        """Note the airtime that unfinished transfers still need at the end of the run."""
        airtime_left_s(self.cells, horizon_s, self.run.log.airtime_left_s)
