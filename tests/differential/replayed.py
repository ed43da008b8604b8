"""What devices knew and decided, told again from a log alone: no engine, no event list, no state that is carried along.

For each request everything is found anew in the instants of the others. The numbers of the rule are taken from the
plan. Routes may not come to a station twice, except to finish on the device after a full queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulator.engines.log import COMPLETED, RequestLog
from simulator.plan.plan import Plan
from simulator.plan.routes import NO_ROW, QUEUE_FULL, TURNED_BACK
from simulator.plan.rules import TICKS_PER_BIT, TICKS_PER_S
from simulator.workload import Workload


@dataclass(frozen=True)
class Visit:
    """A leg of a request: when it joined the queue, when it was served, and what it did there."""

    stage: str
    number: int
    work: float
    request: int
    join_s: float
    #: whether it joined at the very end of its instant, after all decisions
    joins_late: bool
    start_s: float
    end_s: float

    def has_joined(self, now_s: float, decides: int) -> bool:
        """As a decision sees it; ``decides`` is the request that is being decided."""
        if self.join_s == now_s and self.joins_late:
            return False
        return self.join_s < now_s or (self.join_s == now_s and self.request < decides)

    def is_over(self, now_s: float) -> bool:
        """What starts at an instant starts after its decisions, and so it ends after them."""
        return self.end_s < now_s or (self.end_s == now_s and self.start_s < now_s)


class Replay:
    """A log with its routes, walked."""

    def __init__(self, plan: Plan, workload: Workload, log: RequestLog) -> None:
        assert plan.rule is not None
        self.plan, self.workload, self.log, self.rule = plan, workload, log, plan.rule
        self.urgency = plan.urgency(workload) if plan.order != "arrival" else [0.0] * workload.size
        self.refused: set[int] = set()
        self.walks = [self._walk(request) for request in range(workload.size)]
        self.visits = [visit for walk in self.walks for visit in walk]

    def _walk(self, request: int) -> list[Visit]:
        """The visits of a request, as far as it came."""
        routes, stages, log = self.plan.routes, self.plan.stages, self.log
        number = int(routes.first[log.row[request]])
        at_s, late, walk = float(self.workload.arrival_s[request]), False, []
        while True:
            leg = routes.legs[number]
            stage = stages[leg["stage"]]
            start_s, end_s = (float(column[stage.name][request]) for column in (log.start_s, log.end_s))
            walk.append(Visit(stage.name, number, float(leg["work"]), request, at_s, late, start_s, end_s))
            if stage.name == "edge" and log.reason[request] in (QUEUE_FULL, TURNED_BACK):
                # the door is closed at the end of its instant
                self.refused.add(request)
                if leg["full_row"] == NO_ROW:
                    return walk
                late = leg["back_s"] == 0
                at_s, number = at_s + float(leg["back_s"]), int(routes.first[leg["full_row"]])
                continue
            if leg["is_last"] or math.isnan(end_s):
                return walk
            late = end_s + float(leg["delay_s"]) == end_s and start_s == end_s
            at_s, number = end_s + float(leg["delay_s"]), number + 1

    def knows(self, request: int) -> list[float]:
        """What the device of a request knows when it arrives."""
        now_s, device = float(self.workload.arrival_s[request]), self.workload.device[request]
        group = self.plan.group_of[device]
        own = [visit for visit in self.visits if self.workload.device[visit.request] == device]
        stand = [visit for visit in own if visit.has_joined(now_s, request) and not visit.is_over(now_s)]
        seconds = sum(int(self.rule.ticks[v.number]) for v in stand if v.stage in ("device", "fallback")) / TICKS_PER_S
        bits = sum(int(self.rule.ticks[v.number]) for v in stand if v.stage == "uplink") / TICKS_PER_BIT
        rate_bps = self._rate_bps(own, now_s, float(self.rule.mean_rate_bps[group]))
        since_s, waiting = self._told(device, now_s)
        there_s = max(waiting * float(self.rule.each_s[group, 0]) - (now_s - since_s), 0.0)
        return [seconds, 1.0 / rate_bps, bits / rate_bps, there_s]

    def _rate_bps(self, own: list[Visit], now_s: float, mean_bps: float) -> float:
        """Of the last transfer of some bits that is over."""
        found = [(-math.inf, mean_bps)]
        for visit in own:
            if visit.stage == "uplink" and visit.work > 0 and visit.is_over(now_s):
                wake_s = self.log.wake_s["uplink"][visit.request]
                begin_s = visit.start_s + (0.0 if math.isnan(wake_s) else wake_s)
                if visit.end_s > begin_s:
                    found.append((visit.end_s, visit.work / (visit.end_s - begin_s)))
        return float(max(found)[1])

    def _told(self, device: int, now_s: float) -> tuple[float, int]:
        """What the freshest news of the server say that have come to a device."""
        news = [(-math.inf, 0)]
        for request in range(self.workload.size):
            finish_s = self.log.finish_s[request]
            if self.workload.device[request] != device or self.log.status[request] != COMPLETED or finish_s > now_s:
                continue
            served = next((visit for visit in self.walks[request] if visit.stage == "edge"), None)
            is_there = finish_s < now_s or self.walks[request][-1].is_over(now_s)
            if served is not None and is_there and not math.isnan(served.start_s):
                news.append((served.start_s, -self._left_waiting(served)))
        since_s, fewer = max(news)
        return since_s, -fewer

    def _left_waiting(self, served: Visit) -> int:
        """Who had come to the server and was not served yet when the batch of a visit was taken."""
        turn = (served.start_s, self._place(self.log.batch[served.request]))
        count = 0
        for visit in self.visits:
            if visit.stage == "edge" and visit.join_s <= served.start_s and visit.request not in self.refused:
                started_s = math.inf if math.isnan(visit.start_s) else visit.start_s
                leader = self.log.batch[visit.request] if started_s < math.inf else visit.request
                count += (started_s, self._place(leader)) > turn
        return count

    def _place(self, request: int) -> tuple[float, float, int]:
        """Where a request stands in the queue of the server."""
        (joined_s,) = (visit.join_s for visit in self.walks[request] if visit.stage == "edge")
        return (float(self.urgency[request]), joined_s, request)

    def decided(self, request: int) -> int:
        """The row that a request takes."""
        device = self.workload.device[request]
        group = self.plan.group_of[device]
        knows = self.knows(request)
        scores = []
        for option in range(self.rule.first[group], self.rule.first[group + 1]):
            score = float(self.rule.constant_s[option])
            for weight, known in zip(self.rule.weights[option].tolist(), knows, strict=True):
                score += weight * known
            scores.append(score)
        best = int(self.rule.first[group]) + scores.index(min(scores))
        return int(self.rule.row[best]) + self.way(request)

    def way(self, request: int) -> int:
        """The way out of a request's sample."""
        group = self.plan.group_of[self.workload.device[request]]
        taken = self.plan.taken[group]
        return int(self.plan.final[group]) if taken is None else int(taken[self.workload.sample[request]])
