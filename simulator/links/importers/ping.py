"""Console output of Linux ``ping``: round-trip times by sequence number; a missing number is a lost packet."""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Finding, ImportedTrace, RoundTrips
from simulator.links.importers.rows import numbers
from simulator.links.importers.source import Source

_ANSWER = re.compile(
    r"(\[[\d.]+\] )?\d+ bytes from .*icmp_seq=(?P<seq>\d+) .*time=(?P<ms>[-\d.naif]+) ms(?P<dup> \(DUP!\))?.*"
)
_TITLE = re.compile(r"PING .*")
_OTHER = re.compile(r"[0-9]{12,14}|rtt .*|--- .*")
_SUMMARY = re.compile(r"(?P<sent>\d+) packets transmitted, .*\btime (?P<ms>\d+)ms")
#: numbers of ping's sequence start again at 0 after this
_SEQUENCE = 65536


def _fit(source: Source) -> float:
    answers = any(_ANSWER.fullmatch(line) for line in source.head)
    title = any(_TITLE.fullmatch(line) for line in source.head)
    return CERTAIN if answers else 0.6 * title


def _read(source: Source) -> ImportedTrace:
    answers, lines = [], []
    duplicates = other = 0
    summary = None
    for number, line in source.lines:
        text = line.strip()
        answer = _ANSWER.fullmatch(text)
        summary = _SUMMARY.match(text) or summary
        if answer and answer["dup"]:
            duplicates += 1
        elif answer:
            answers.append(answer)
            lines.append(number)
        elif not (_TITLE.fullmatch(text) or _SUMMARY.match(text) or _OTHER.fullmatch(text)):
            other += 1
    if not answers:
        source.fail("has no answers", "every ping was lost, or the log holds none")
    rtt = numbers([answer["ms"] for answer in answers], lines, source) * 1e-3
    if rtt.min() < 0:
        source.fail(f"round-trip time {rtt.min() * 1e3:g} ms is negative", "", lines[int(np.argmin(rtt))])
    # a step far back is the sequence starting again, a small one an answer that was overtaken
    sequence = np.array([int(answer["seq"]) for answer in answers])
    wraps = np.concatenate(([0], np.cumsum(np.diff(sequence) < -_SEQUENCE // 2)))
    sequence = sequence + wraps * _SEQUENCE
    first = min(1, int(sequence.min()))
    sent = max(int(sequence.max()) - first + 1, int(summary["sent"]) if summary else 0)
    if sent > 100 * sequence.size + 1000:
        source.fail(f"answers {sequence.size} of {sent} pings", "is a sequence number wrong?", lines[-1])
    answered = np.zeros(sent, dtype=np.bool_)
    answered[sequence - first] = True
    findings = []
    if duplicates:
        findings.append(Finding("dropped", duplicates, "answers: marked as duplicates"))
    if other:
        findings.append(Finding("dropped", other, "lines: neither answers nor the summary"))
    if not summary:
        findings.append(Finding("noted", 0, "the log ends without the closing summary"))
    step = float(summary["ms"]) * 1e-3 / (sent - 1) if summary and sent > 1 else None
    return ImportedTrace(source.file, "ping", RoundTrips(rtt, answered, step), "round trip", findings=tuple(findings))


FORMAT = Format("ping", "console output: 64 bytes from ...: icmp_seq=1 ttl=56 time=20.6 ms", _fit, _read)
