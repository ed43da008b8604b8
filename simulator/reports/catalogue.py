"""What is built in, for people: the tables behind ``offload-sim list`` and ``offload-sim show``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator import paths, registry
from simulator.devices.card import load_card
from simulator.devices.sourced import Sourced
from simulator.errors import NotFoundError, Problem, did_you_mean
from simulator.inference.incomplete import form, missing
from simulator.links.generator import MarkovGenerator, load_markov
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import Radio, load_radio
from simulator.links.trace import read_trace
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.samples import load_samples
from simulator.profiling.variants import variants
from simulator.scenario.load import load_scenario
from simulator.units import SI_UNIT, exact, human, parse


def list_view(kind: str) -> Table:
    """Table of everything built in of one kind, a key of `LISTS`."""
    return LISTS[kind]()


def show_view(kind: str, name: str) -> RenderableType:
    """One thing in full.

    Raises
    ------
    OffloadSimError
        If there is no such thing, or its file is damaged.
    """
    return SHOWS[kind](name)


def file_text(kind: str, name: str) -> str:
    """The file behind one thing, as it stands.

    Raises
    ------
    OffloadSimError
        If there is no such thing, or it is a policy, which is a part of the program.
    """
    singular = "policy" if kind in ("policy", "policies") else kind.removesuffix("s")
    if singular == "policy":
        _show_policy(name)  # an unknown one is told first
        hint = "scenarios hold its fields: `offload-sim show policy NAME` lists them"
        raise NotFoundError(Problem(f'the policy "{name}" has no file', hint))
    if singular == "model" and paths.split_variant(name)[1]:
        return load_profile(name).text
    is_generator = singular == "trace" and name in paths.names("generator") and name not in paths.names("trace")
    return paths.find("generator" if is_generator else singular, name).read_text(encoding="utf-8")


def _table(*headings: str, numbers: tuple[str, ...] = ()) -> Table:
    view = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        view.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=heading in numbers)
    return view


def model_names() -> list[str]:
    """Every built-in model, each followed by its published variants."""
    own: dict[str, list[str]] = {}
    for variant in variants():
        own.setdefault(variant.model, []).append(f"{variant.model}@{variant.name}")
    return [name for model in paths.names("model") for name in (model, *own.get(model, ()))]


def _models() -> Table:
    numbers = ("input", "params", "MACs", "top-1", "cuts", "exits")
    view = _table("name", "source", *numbers, "complete", numbers=numbers)
    for name in model_names():
        profile = load_profile(name)
        shape = "x".join(map(str, profile.input_shape[1:]))
        top1 = "-" if profile.top1 is None else f"{100 * profile.top1:.2f} %"
        cuts, exits = str(len(profile.cut_points)), str(len(profile.exits))
        complete = "yes" if profile.complete else "no"
        view.add_row(
            name, profile.source, shape, _count(profile.params), _count(profile.macs), top1, cuts, exits, complete
        )
    return view


def _devices() -> Table:
    numbers = ("memory", "idle", "active")
    view = _table("name", "role", "precision", "compute", *numbers, "what it is", numbers=numbers)
    for name in paths.names("device"):
        card = load_card(name)
        powers = (human(card.idle_w, "power"), human(card.active_w, "power"))
        compute = getattr(card.compute, "kind", type(card.compute).__name__)
        view.add_row(
            name,
            card.role,
            " ".join((card.precision, *card.precisions)),
            compute,
            human(card.memory_bytes, "size"),
            *powers,
            Text(card.title),
        )
    return view


def _radios() -> Table:
    numbers = ("uplink", "downlink", "active", "idle", "fitted up to")
    view = _table("name", *numbers, "what it is", numbers=numbers)
    for name in paths.names("radio"):
        radio = load_radio(name)
        view.add_row(name, *_radio_cells(radio), Text(radio.title))
    return view


def _radio_cells(radio: Radio | LoraRadio) -> tuple[str, ...]:
    if isinstance(radio, LoraRadio):
        powers = [entry.value for entry in radio.transmit_power.values()]
        active = f"{human(min(powers), 'power')} to {human(max(powers), 'power')}"
        return "-", "-", active, human(radio.sleep_power.value, "power"), "-"
    energies = (radio.uplink_energy_per_bit.value, radio.downlink_energy_per_bit.value)
    powers = [radio.active_power.value, radio.idle_power.value]
    fitted = "-"
    if radio.fitted_rates is not None:
        highest = (rates.value[1] for rates in (radio.fitted_rates.uplink, radio.fitted_rates.downlink))
        fitted = " / ".join(human(rate, "bit rate") for rate in highest)
    return (
        *(human(energy, "energy per bit") for energy in energies),
        *(human(power, "power") for power in powers),
        fitted,
    )


def _traces() -> Table:
    """Traces, and the generators that a link can be drawn from instead."""
    numbers = ("length", "mean", "least", "most", "outage")
    view = _table("name", "write", *numbers, numbers=numbers)
    for name in paths.names("trace"):
        view.add_row(name, "trace: NAME", *_trace_cells(paths.find("trace", name)))
    for name in paths.names("generator"):
        view.add_row(name, "generator: NAME", *_generator_cells(load_markov(name)))
    return view


def _generators() -> Table:
    numbers = ("step", "mean", "least", "most", "outage")
    view = _table("name", *numbers, "what it is", numbers=numbers)
    for name in paths.names("generator"):
        generator = load_markov(name)
        _, *cells = _generator_cells(generator)
        view.add_row(name, human(generator.step, "time"), *cells, Text(generator.title))
    return view


def _samples() -> Table:
    numbers = ("samples", "early exits", "right at the end")
    view = _table("name", *numbers, numbers=numbers)
    for name in paths.names("samples"):
        records = load_samples(name)
        view.add_row(name, str(records.size), str(records.exits), f"{float(records.correct[:, -1].mean()):.1%}")
    return view


def _generator_cells(generator: MarkovGenerator) -> tuple[str, ...]:
    least, most = min(state.lowest for state in generator.states), max(state.highest for state in generator.states)
    rates = (human(rate, "bit rate") for rate in (generator.mean_rate_bps, least, most))
    return "drawn", *rates, f"{generator.fitted_to.outage:.1%}"


def _trace_cells(path: Path) -> tuple[str, ...]:
    channel = read_trace(path)
    rates, widths = channel.rates_bps, channel.edges_s[1:] - channel.edges_s[:-1]
    outage = float(widths[rates == 0].sum() / channel.edges_s[-1])
    of_rates = (channel.mean_rate_bps, float(rates.min()), float(rates.max()))
    return human(float(channel.edges_s[-1]), "time"), *(human(rate, "bit rate") for rate in of_rates), f"{outage:.1%}"


def _policies() -> Table:
    view = _table("kind", "what it does", "fields")
    for kind in registry.kinds("policies"):
        model = registry.load("policies", kind)
        fields = ", ".join(name for name in model.model_fields if name not in ("kind", "name"))
        view.add_row(kind, Text(_summary(model)), fields or "-")
    return view


def _scenarios() -> Table:
    view = _table("name", "model", "device", "server", "policies", "what it is about", numbers=("policies",))
    for name in paths.names("scenario"):
        scenario = load_scenario(name).scenario
        policies = str(len(scenario.policies))
        view.add_row(name, scenario.model, scenario.device, scenario.server, policies, Text(scenario.description))
    return view


def model_view(profile: ModelProfile) -> RenderableType:
    """Totals of a profile and the table of its cuts."""
    top1 = "" if profile.top1 is None else f"; top-1 {100 * profile.top1:.2f} % ({profile.top1_source})"
    sizes = ", ".join(f"{name} {human(each.size_bytes, 'size')}" for name, each in profile.encodings.items())
    lines = [
        f"{profile.name} from {profile.source}{top1}",
        f"{_count(profile.params)} parameters, {_count(profile.macs)} MACs, {len(profile.graph)} layers, "
        f"input {'x'.join(map(str, profile.input_shape))} {profile.input_dtype}",
        f"input sent as: {sizes}",
    ]
    if profile.exits:
        fed_by = [*(layer.name for layer in profile.graph), "the input"]  # the last one is INPUT's
        after = (f"{head.name} after {fed_by[head.after]}" for head in profile.exits)
        lines.append("early exits: " + ", ".join(after))
    if profile.form:
        lines.append(form(profile))
    if not profile.complete:
        lines.append(f"not complete, uncounted: {', '.join(profile.uncounted)}; {missing(profile)}")
    numbers = ("layers before", "MACs before", "MACs after", "bytes crossing", "tensors")
    view = _table("cut after", *numbers, numbers=numbers)
    for cut in profile.cut_points:
        macs = (_count(cut.macs_before), _count(cut.macs_after))
        view.add_row(Text(cut.name), str(cut.layers), *macs, human(cut.bytes, "size"), str(cut.tensors))
    return Group(Text("\n".join(lines)), view)


def _show_model(name: str) -> RenderableType:
    return model_view(load_profile(name))


def _show_card(load: Callable[[str], BaseModel]) -> Callable[[str], RenderableType]:
    def show(name: str) -> RenderableType:
        view = _table("field", "value", "source", numbers=("value",))
        view.columns[1].no_wrap = False
        _add_fields(view, load(name), "")
        return view

    return show


def _add_fields(view: Table, part: Any, prefix: str) -> None:
    """Rows for every value of a card, with where it comes from."""
    entries = (
        part.items() if isinstance(part, Mapping) else ((key, getattr(part, key)) for key in type(part).model_fields)
    )
    for entry, value in entries:
        key = exact(entry, "signal level") if isinstance(entry, float) else entry
        if isinstance(value, Sourced):
            held = value.model_dump(mode="json")["value"]
            written = " to ".join(_readable(str(part)) for part in (held if isinstance(held, list) else [held]))
            view.add_row(f"{prefix}{key}", Text(written), Text(value.origin))
        elif isinstance(value, BaseModel | Mapping):
            _add_fields(view, value, f"{prefix}{key}.")
        elif isinstance(value, tuple | list) and all(isinstance(entry, BaseModel) for entry in value):
            _add_fields(view, {f"{key}.{number}": entry for number, entry in enumerate(value)}, prefix)
        elif value is not None:
            view.add_row(f"{prefix}{key}", Text(str(value)), "")


def _readable(written: str) -> str:
    """A quantity as a file holds it (``1000000000 MAC/s``) with a prefix (``1.000 GMAC/s``); other text as it is."""
    for dimension, unit in SI_UNIT.items():
        if written.endswith(f" {unit}"):
            return human(parse(written, dimension), dimension, digits=4)
    return written


def _show_trace(name: str) -> RenderableType:
    if name in paths.names("generator"):
        return _show_card(load_markov)(name)
    path = paths.find("trace", name)
    view = _table("length", "mean", "least", "most", "outage")
    view.add_row(*_trace_cells(path))
    return Group(view, _remarks(path))


def _show_samples(name: str) -> RenderableType:
    path = paths.find("samples", name)
    lines = path.read_text(encoding="utf-8").splitlines()
    header = next(line for line in lines if not line.startswith("#"))
    return Group(_remarks(path), Text(f"columns: {header}"))


def _remarks(path: Path) -> Text:
    """The comment lines of a CSV, which name its source."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return Text("\n".join(line.lstrip("# ") for line in lines if line.startswith("#")))


def _show_policy(name: str) -> RenderableType:
    if name not in registry.kinds("policies"):
        raise NotFoundError(Problem(f'no policy is called "{name}"', did_you_mean(name, registry.kinds("policies"))))
    model = registry.load("policies", name)
    view = _table("field", "default", "what it means")
    for key, field in model.model_fields.items():
        default = "required" if field.is_required() else "-" if field.default in (None, "") else str(field.default)
        view.add_row(key, default, Text(field.description or ""))
    return Group(Text(_summary(model)), view)


def _show_scenario(name: str) -> RenderableType:
    return Text(paths.find("scenario", name).read_text(encoding="utf-8").rstrip())


def _summary(model: type[BaseModel]) -> str:
    """First line of a class docstring."""
    return (model.__doc__ or "").strip().partition("\n")[0]


def _count(number: int) -> str:
    """A count with a prefix, three digits: 25.6 M."""
    for factor, prefix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{prefix}"
    return str(number)


LISTS: Mapping[str, Callable[[], Table]] = MappingProxyType(
    {
        "models": _models,
        "devices": _devices,
        "radios": _radios,
        "traces": _traces,
        "generators": _generators,
        "samples": _samples,
        "policies": _policies,
        "scenarios": _scenarios,
    }
)

#: by the word that ``list`` takes and by the word for one of them
SHOWS: Mapping[str, Callable[[str], RenderableType]] = MappingProxyType(
    {
        word: show
        for words, show in (
            (("models", "model"), _show_model),
            (("devices", "device"), _show_card(load_card)),
            (("radios", "radio"), _show_card(load_radio)),
            (("traces", "trace"), _show_trace),
            (("generators", "generator"), _show_card(load_markov)),
            (("samples",), _show_samples),
            (("policies", "policy"), _show_policy),
            (("scenarios", "scenario"), _show_scenario),
        )
        for word in words
    }
)
