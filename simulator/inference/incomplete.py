"""What a profile does not count, or counts that inference leaves out, said wherever its times are used.

The bound comes from extraction: what PyTorch's own counter sees of the running model and no layer has. Operators that
this counter does not know either may hide more, so the share is the least that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.plan.plan import Plan
from simulator.profiling.model import ModelProfile

#: names of operators that a sentence lists
_LISTED = 3


def incomplete(plans: Sequence[Plan]) -> list[str]:
    """A sentence for each model that a policy runs and that is not complete."""
    return cautions_of(group.profile for plan in plans for group in plan.groups)


def cautions_of(profiles: Iterable[ModelProfile]) -> list[str]:
    """A sentence for each profile that is not complete, or in the form of its training; each once."""
    known = list(profiles)
    said = [_sentence(profile) for profile in known if not profile.complete]
    said += [form(profile) for profile in known if profile.form == "training"]
    return list(dict.fromkeys(said))


def form(profile: ModelProfile) -> str:
    """Which form a network with two is profiled in, and how to get the other."""
    if profile.form == "deployed":
        return f"{profile.name} is profiled as it is deployed, with the branches of its training merged"
    other = f"offload-sim profile {profile.source}:deployed"
    return f"{profile.name} is profiled as it is trained, with branches that are merged for inference: {other}"


def missing(profile: ModelProfile) -> str:
    """How much a profile that is not complete leaves out."""
    if not profile.missing_macs:
        return "how much is missing is not known"
    return f"at least {100 * profile.missing_share:.2g} % of the multiply-accumulates are missing"


def _sentence(profile: ModelProfile) -> str:
    names, more = profile.uncounted[:_LISTED], len(profile.uncounted) - _LISTED
    listed = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    return (
        f"the profile of {profile.name} is not complete, so what cards compute from its MACs is too small: "
        f"not counted are {listed}; {missing(profile)}"
    )
