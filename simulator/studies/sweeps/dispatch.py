"""Hands the points of a sweep to a crew and collects what becomes of them.

Small points travel together, so that handing over costs little. Whatever goes wrong is narrowed down to the point
that causes it: a task that fails is repeated point by point, and after a process died, the points that were in its
hands are tried again one at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, field
from itertools import islice

from simulator.errors import ClusterError, Problem
from simulator.studies.sweeps.crew import Crew
from simulator.studies.sweeps.point import Finished, Point

#: time that the points of one task should take together, and their greatest number
TASK_S = 0.1
TASK_POINTS = 64
#: processes that may die over a point that is computed alone
_DEATHS = 2
#: how often one looks whether the crew still lives
_LOOK_S = 0.5

_Task = tuple[Point, ...]


@dataclass
class Dispatch:
    """The state of handing out points.

    Parameters
    ----------
    points : iterator of Point
        Asked for the next one only when it is needed.
    crew : Crew
    expected : int
        About how many points there are.
    """

    points: Iterator[Point]
    crew: Crew
    expected: int
    _running: dict[Future[list[Finished]], _Task] = field(default_factory=dict)
    _again: deque[_Task] = field(default_factory=deque)
    _suspects: deque[Point] = field(default_factory=deque)
    _deaths: dict[int, int] = field(default_factory=dict)
    _point_s: float = TASK_S
    _handed_out: int = 0
    _any_done: bool = False

    def finished(self) -> Iterator[list[Finished]]:
        """Batches of finished points as they come; an empty one now and then while nothing comes.

        Raises
        ------
        ClusterError
            When the crew is gone.
        """
        while self._hand_out():
            done, _ = wait(self._running, _LOOK_S, FIRST_COMPLETED)
            self.crew.check()
            batch: list[Finished] = []
            broken: list[_Task] = []
            for future in done:
                task = self._running.pop(future)
                error = CancelledError() if future.cancelled() else future.exception()
                if error is None:
                    batch += self._taken_in(future.result())
                elif isinstance(error, BrokenExecutor | CancelledError):
                    self._require_start(error)
                    broken.append(task)
                else:
                    batch += self._failed(task, error)
            if broken:
                batch += self._after_death(broken)
            yield batch

    def _taken_in(self, results: list[Finished]) -> list[Finished]:
        self._any_done = True
        self._point_s = (self._point_s + sum(result.seconds for result in results) / len(results)) / 2
        return results

    def _hand_out(self) -> bool:
        """Keep the crew busy; False when everything is done."""
        if self._suspects:
            if not self._running:
                self._submit((self._suspects.popleft(),))
            return True
        # as many tasks again wait, so that nobody is idle while results are looked at
        while len(self._running) < 2 * self.crew.width():
            task = self._again.popleft() if self._again else tuple(islice(self.points, self._task_size()))
            if not task:
                break
            if not self._submit(task):
                break
        return bool(self._running or self._suspects)

    def _task_size(self) -> int:
        share = max(0, self.expected - self._handed_out) // (4 * self.crew.width())
        size = max(1, min(TASK_POINTS, int(TASK_S / max(self._point_s, 1e-6)), share))
        self._handed_out += size
        return size

    def _submit(self, task: _Task) -> bool:
        try:
            self._running[self.crew.submit(task)] = task
        except BrokenExecutor as error:
            self._require_start(error)
            # the running tasks will say the same; nothing can be submitted before they have
            self._suspects += task
            if not self._running:
                self.crew.renew()
            return False
        return True

    def _after_death(self, broken: list[_Task]) -> list[Finished]:
        """Everything that was in the hands of the dead is suspect; a point that was alone is to blame."""
        broken += self._running.values()
        self._running.clear()
        self.crew.renew()
        alone = broken[0][0] if len(broken) == 1 and len(broken[0]) == 1 else None
        if alone is not None:
            self._deaths[alone.number] = self._deaths.get(alone.number, 0) + 1
            if self._deaths[alone.number] >= _DEATHS:
                problem = Problem("the process that computed it died twice", "it may need more memory than there is")
                return [Finished(alone.number, alone.identity, problems=(problem,), is_defect=True)]
        self._suspects += (point for task in broken for point in task)
        return []

    def _failed(self, task: _Task, error: BaseException) -> list[Finished]:
        if len(task) > 1:
            self._again += ((point,) for point in task)
            return []
        problem = Problem(f"{type(error).__name__}: {error}", "this is a defect of the program, not of the scenario")
        return [Finished(task[0].number, task[0].identity, problems=(problem,), is_defect=True)]

    def _require_start(self, error: BaseException) -> None:
        if not self._any_done and sum(self._deaths.values()) > 0:
            hint = 'a script that sweeps needs its calls below `if __name__ == "__main__":`, or workers=1'
            raise ClusterError(Problem("the worker processes end before they have computed anything", hint)) from error
