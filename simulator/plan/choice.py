"""What one policy does with one group of devices: the cut it takes, and what it knew when it took it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OffloadSimError, Problem, ScenarioError, did_you_mean
from simulator.physics.exits import exit_taken
from simulator.physics.objectives import select
from simulator.plan.candidates import Candidates, candidates, option_name
from simulator.plan.graph_split import with_sets
from simulator.plan.prediction import Prediction, out_of_range, predict, too_long
from simulator.plan.selecting import accuracies, crowds, limits, nothing_keeps, noun, scored, sends_input
from simulator.plan.system import Group, System
from simulator.policies.base import Intent, Policy
from simulator.policies.objectives import Objective
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.partition import find_cut
from simulator.scenario.mistakes import shown

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choice:
    """What one policy does with one group, and what it knew when it chose.

    Attributes
    ----------
    table : Candidates
    prediction : Prediction
    cut : int
        Index of the chosen cut.
    taken : array of int, shape (samples,), or None
        Way out of every sample of the record; None when all take the final output.
    shares : array, shape (ways out,)
        Share of samples that takes each way out.
    group : Group
        The group as this policy sees it: with the policy's model.
    intent : Intent
        What was asked for.
    encoding : str
        How the model input is encoded for the cut before the first layer.
    crowd : mapping of str to float
        For each stage how many of its service times pass between two requests of a device.
    alternatives : tuple of Choice
        All that were compared, this one too; empty where there was only one.
    compared_by : str or tuple of pairs
        What they were compared by, as it is predicted.
    """

    table: Candidates
    prediction: Prediction
    cut: int
    taken: NDArray[np.int64] | None
    shares: Floats
    group: Group
    intent: Intent
    encoding: str
    crowd: Mapping[str, float]
    alternatives: tuple[Choice, ...] = ()
    compared_by: Objective = "latency"

    @property
    def profile(self) -> ModelProfile:
        """The model."""
        return self.group.profile

    @property
    def alters(self) -> bool:
        """Whether a codec changes the features that its option sends, so that records say nothing of the answers."""
        sends = self.table.offloaded[self.cut].any() and self.table.cuts[self.cut].layers > 0
        return bool(sends) and self.intent.codec is not None and not self.intent.codec.is_exact

    @property
    def top1(self) -> float | None:
        """Published accuracy of the model, or what the codec leaves of it; None where nobody knows."""
        if self.alters and self.intent.codec is not None:
            return self.intent.codec.top1(self.profile.name)
        return self.profile.top1

    @cached_property
    def latency_s(self) -> Floats:
        """Predicted latency of each option, in the mean over the ways out."""
        return self.prediction.expected(self.prediction.latency_s, self.shares)

    @cached_property
    def energy_j(self) -> Floats:
        """Predicted energy of each option, likewise."""
        return self.prediction.expected(self.prediction.energy_j, self.shares)

    @cached_property
    def accuracy(self) -> Floats:
        """Accuracy of each option; NaN where it is not known."""
        codec = self.intent.codec
        altered = None if codec is None or codec.is_exact else codec.top1(self.profile.name) or np.nan
        return accuracies(self.table, self.group, self.taken, altered)

    @property
    def sends_input(self) -> Floats:
        """1 for options that send the raw input."""
        return sends_input(self.table)

    def scored(self, objective: Objective) -> Floats:
        """What the best option minimises, for each."""
        return scored(self.prediction, self.shares, objective, self.crowd)

    @property
    def scores(self) -> Floats:
        """What the policy minimised, for each option."""
        return self.scored(self.intent.objective)

    def index_of(self, cuts: Sequence[str]) -> int:
        """Index of an option that can run, by its cut or by both of its cuts.

        Raises
        ------
        OffloadSimError
            For a cut that does not exist or cannot run.
        """
        places = [find_cut(self.profile, cut) for cut in cuts]
        name = places[0].name
        if len(places) > 1 and places[1].index < len(self.profile.cut_points) - 1:
            name = option_name([place.name for place in places])
        index = self.table.names.index(name)
        reason = self.table.misfit[index]
        if reason:
            message = f"{self.profile.name} cut at {' and '.join(dict.fromkeys(cuts))} cannot run: {reason}"
            path = () if set(cuts) <= {"input", "output"} else ("at",)
            raise ScenarioError(Problem(message, "choose another cut, model or device", path))
        return index


def best_choice(system: System, group: Group, policy: Policy) -> Choice:
    """What a policy takes for one group: the best, as predicted, of all that it asks for.

    Raises
    ------
    OffloadSimError
        When nothing that it asks for can be met; paths are relative to the policy.
    """
    found: list[Choice] = []
    problems: list[Problem] = []
    intents = policy.intents()
    for number, intent in enumerate(intents):
        try:
            found.append(choose(system, group, intent))
        except OffloadSimError as error:
            place = ("choose", number) if len(intents) > 1 else ()
            problems += [replace(problem, path=(*place, *problem.path)) for problem in error.problems]
    if problems:
        raise ScenarioError(problems)
    if len(found) == 1:
        return found[0]
    return _best_of(found, policy)


def _best_of(found: list[Choice], policy: Policy) -> Choice:
    """The best of several choices, each as it was made."""
    score = np.array([choice.scored(policy.chooses_by())[choice.cut] for choice in found])
    columns = [
        np.array([getattr(choice, name)[choice.cut] for choice in found])
        for name in ("latency_s", "energy_j", "accuracy", "sends_input")
    ]
    selected = select(score, np.ones(len(found), dtype=bool), limits(policy.keeps_to(), *columns))
    if selected.option < 0:
        raise nothing_keeps(selected, "option")
    best = found[selected.option]
    return replace(best, alternatives=tuple(found), compared_by=policy.chooses_by())


def choose(system: System, group: Group, intent: Intent) -> Choice:
    """Choose one group's cut.

    Raises
    ------
    OffloadSimError
        When the intent cannot be met; paths are relative to the policy.
    """
    group = _with_model(system, group, intent)
    profile = group.profile
    encoding = _encoding(profile, intent)
    taken, shares = _ways_out(group, intent)
    _require_order(system, profile, intent)
    _require_features(profile, intent)
    servers, rules = [system.server], [system.scenario.serving]
    if system.cloud is not None:
        servers, rules = [*servers, system.cloud.card], [*rules, system.cloud.serving]
    slowdowns = tuple(1 / (1 - rule.background_load) for rule in rules)
    over_cloud = system.cloud is not None and not intent.graph and (intent.cut is None or len(intent.cut) > 1)
    if intent.graph:
        table = system.library.tabulate(with_sets, group, tuple(servers), slowdowns, encoding)
    else:
        details = (slowdowns, encoding, taken is not None, over_cloud, intent.codec)
        table = system.library.tabulate(candidates, group, tuple(servers), *details)
    lengths = too_long(table, group)
    if any(lengths):
        misfit = tuple(own or limit for own, limit in zip(table.misfit, lengths, strict=True))
        table = replace(table, misfit=misfit)
    prediction = predict(table, group)
    choice = Choice(table, prediction, -1, taken, shares, group, intent, encoding, crowds(system))
    if intent.cut is not None:
        return replace(choice, cut=choice.index_of(intent.cut))
    unheard = out_of_range(table, group)
    can_run = np.array([not reason for reason in table.misfit]) & ~unheard
    columns = choice.latency_s, choice.energy_j, choice.accuracy, choice.sends_input
    selected = select(choice.scored(intent.objective), can_run, limits(intent.within, *columns))
    if selected.unmet:
        raise nothing_keeps(selected, noun(table.names))
    if selected.option < 0:
        reason = "the device is out of range" if unheard[0] else table.misfit[0]
        raise ScenarioError(Problem(f"no partition of {profile.name} fits: {reason}", path=("best",)))
    return replace(choice, cut=selected.option)


def _with_model(system: System, group: Group, intent: Intent) -> Group:
    """The group with the policy's model; its records only if they are of that model too."""
    if intent.model is None:
        return group
    try:
        profile = system.library.read(load_profile, intent.model, system.base)
    except OffloadSimError as error:
        raise ScenarioError([replace(problem, path=("model",)) for problem in error.problems]) from error
    records = group.samples
    fits = records is not None and (group.workload.any_model or profile.name in records.models)
    return replace(group, profile=profile, samples=records if fits else None)


def _require_order(system: System, profile: ModelProfile, intent: Intent) -> None:
    """Refuse a second cut without a cloud, and one that lies before the first."""
    if intent.cut is None or len(intent.cut) == 1:
        return
    if system.cloud is None:
        message = f"there is no cloud, where all behind the cut at {shown(intent.cut[1])} is to run"
        path = () if set(intent.cut) == {"input"} else ("at",)
        raise ScenarioError(Problem(message, "write cloud: {server: ..., link: ...}, or one cut", path))
    first, second = (find_cut(profile, cut) for cut in intent.cut)
    if second.index < first.index:
        message = f"the cuts are out of order: {shown(intent.cut[1])} lies before {shown(intent.cut[0])}"
        raise ScenarioError(
            Problem(message, "the first is where the device ends, the second where the edge ends", ("at",))
        )


def _require_features(profile: ModelProfile, intent: Intent) -> None:
    """Refuse a codec for features where none are sent."""
    if intent.codec is None or intent.cut is None:
        return
    if all(find_cut(profile, cut).name in ("input", "output") for cut in intent.cut):
        message = f"the codec has no effect: the cut at {shown(intent.cut[0])} sends no features"
        raise ScenarioError(Problem(message, "leave codec out, or cut between two layers", ("codec",)))


def _encoding(profile: ModelProfile, intent: Intent) -> str:
    """How the model input would be sent: as the policy says, or as the model reads it."""
    if intent.encoding is None:
        return profile.input_dtype
    path = ("encoding",)
    if intent.encoding not in profile.encodings:
        message = f"{profile.name} has no size for inputs encoded as {shown(intent.encoding)}"
        hint = did_you_mean(intent.encoding, list(profile.encodings)) or f"known: {', '.join(profile.encodings)}"
        raise ScenarioError(Problem(message, hint, path))
    if intent.cut is not None and find_cut(profile, intent.cut[0]).layers > 0:
        message = f"the encoding of the input has no effect: the cut at {shown(intent.cut[0])} never sends the input"
        raise ScenarioError(Problem(message, "leave encoding out, or write at: input", path))
    return intent.encoding


def _ways_out(group: Group, intent: Intent) -> tuple[NDArray[np.int64] | None, Floats]:
    if intent.thresholds is None:
        return None, np.ones(1)
    exits, records = len(group.profile.exits), group.samples
    path = ("thresholds",)
    if exits == 0:
        raise ScenarioError(Problem(f"{group.profile.name} has no early exits", "take a profile with exits", ("kind",)))
    if len(intent.thresholds) != exits:
        raise ScenarioError(
            Problem(
                f"{len(intent.thresholds)} thresholds for the {exits} early exits of {group.profile.name}",
                "one threshold for each early exit",
                path,
            )
        )
    if records is None or records.exits != exits:
        held = "there are no sample records" if records is None else f"the sample records know {records.exits} exits"
        raise ScenarioError(
            Problem(
                f"{held}, {group.profile.name} has {exits} early exits", "give workload.samples for this model", path
            )
        )
    taken = exit_taken(records.scores, np.array(intent.thresholds), records.small_is_sure)
    shares = np.bincount(taken, minlength=exits + 1) / records.size
    return taken, shares
