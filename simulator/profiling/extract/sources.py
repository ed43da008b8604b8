"""Where models come from: a source string becomes a `Blueprint` that can build the model and knows its input.

Nothing is downloaded: builders are called without weights, transformers architectures from their default
configuration. Published accuracies come from torchvision's own metadata.
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from simulator.errors import ExtractionError, Problem, did_you_mean
from simulator.profiling.extract.environment import require
from simulator.profiling.graph import ELEMENT_BYTES

#: what a model's own code may raise when it is imported, built or run: anything, and it may try to end the process
MODEL_ERRORS = (Exception, SystemExit)

#: arguments that builders need so that they build what runs at inference, and build it quietly
_TORCHVISION_ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "googlenet": {"aux_logits": False, "init_weights": False},
        "inception_v3": {"init_weights": False},
    }
)

#: tokens of a text input, and side of an image, where neither the user nor the architecture says
DEFAULT_TOKENS = 128
DEFAULT_PIXELS = 224
#: how to give an input that is a picture, and what else libraries call their main input
_PICTURE = "give it: --input 1,3,224,224"
_SOUNDS: Mapping[str, str] = MappingProxyType(
    {
        "input_values": "give the samples of a sound: --input 1,16000",
        "input_features": "give the bands and frames of a sound: --input 1,80,3000",
    }
)
#: ending of a source whose network is wanted as it is deployed
DEPLOYED = ":deployed"
#: stands between a source and the bottleneck that is injected into its model (`injection`)
BOTTLENECK = "+bottleneck:"
#: characters of a value, and of what somebody's own code said, in a message
_SHOWN, _SAID = 60, 200


@dataclass(frozen=True)
class Blueprint:
    """A model that can be built.

    Attributes
    ----------
    name, source : str
        Short name and full source.
    build : callable
        Builds the module, without weights.
    input_shape : tuple of int
        Shape of one input, batch included.
    input_dtype : str
        Element type of the input.
    keyword : str
        Name of the argument that takes the input; empty for the first positional one.
    top1, top1_source
        Published accuracy as a fraction, and who published it.
    packages : tuple of str
        Libraries whose versions belong to the profile.
    deployed : bool
        Whether blocks with branches for training are merged as they are for inference.
    folder : str
        Folder whose files the model's own code may import; empty for none.
    inject : callable or None
        Adds to the module, once it is built, what its source does not have.
    """

    name: str
    source: str
    build: Callable[[], Any]
    input_shape: tuple[int, ...]
    input_dtype: str = "float32"
    keyword: str = ""
    top1: float | None = None
    top1_source: str | None = None
    packages: tuple[str, ...] = field(default=())
    folder: str = ""
    deployed: bool = False
    inject: Callable[[Any], None] | None = None


def blueprint(source: str, input_shape: Sequence[int] | None = None) -> Blueprint:
    """The model behind a source string.

    Raises
    ------
    ExtractionError
        If the source is not understood, the model not known, or its input neither known nor given.
    """
    if input_shape is not None and (not input_shape or any(extent < 1 for extent in input_shape)):
        shown = ",".join(str(extent) for extent in input_shape)
        raise ExtractionError(Problem(f'input shape "{shown}" is not a shape', "for example 1,3,224,224"))
    plain = source.removesuffix(DEPLOYED)
    prefix, _, name = plain.partition(":")
    if not prefix or not name:
        hint = "write torchvision:NAME, timm:NAME, hf:NAME or package.module:factory"
        raise ExtractionError(Problem(f'"{source}" is not a source of a model', hint))
    shape = None if input_shape is None else tuple(int(extent) for extent in input_shape)
    found = _READERS.get(prefix, _from_factory)(plain, name, shape)
    return found if plain == source else replace(found, source=source, name=f"{name}_deployed", deployed=True)


@contextmanager
def importable(folder: str) -> Iterator[None]:
    """Files of a folder can be imported."""
    if folder:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _known_shape(source: str, *shapes: tuple[int, ...] | None, hint: str = _PICTURE) -> tuple[int, ...]:
    for shape in shapes:
        if shape is not None:
            return shape
    raise ExtractionError(Problem(f'the input shape of "{source}" is not known', hint))


def _extent(shape: tuple[int, ...]) -> int | tuple[int, ...]:
    """Side of a square picture, height and width of another."""
    return shape[-1] if len(set(shape[-2:])) == 1 else shape[-2:]


def _picture(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[2:]))


def _is_shape(declared: Any) -> bool:
    """Whether an attribute of somebody's own code is a sequence of extents."""
    if not isinstance(declared, tuple | list) or not declared:
        return False
    return all(isinstance(extent, int) and not isinstance(extent, bool) and extent > 0 for extent in declared)


def raised(what: str, error: BaseException, hint: str = "") -> Problem:
    """The problem that somebody's own code is: the first line of what it raised, and the place in its file."""
    text = str(error).strip().partition("\n")[0]
    text = text if len(text) <= _SAID else f"{text[:_SAID]}..."
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    problem = Problem(f"{what}: {named}", hint)
    if isinstance(error, SyntaxError) and error.filename:
        return problem.located(error.filename, error.lineno or 0, max(1, error.offset or 1))
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if is_own(frame.filename)]
    return problem.located(own[-1].filename, own[-1].lineno or 0, (own[-1].colno or 0) + 1) if own else problem


def is_own(filename: str) -> bool:
    """Whether code is neither of this program nor of Python or an installed package."""
    path = Path(filename)
    if not path.is_file() or "site-packages" in path.parts or "dist-packages" in path.parts:
        return False
    foreign = (Path(__file__).parents[2], Path(sysconfig.get_path("stdlib")))
    return not any(path.is_relative_to(folder) for folder in foreign)


def _unknown(source: str, name: str, library: str, known: Sequence[str]) -> ExtractionError:
    return ExtractionError(Problem(f'{library} has no model called "{name}" ({source})', did_you_mean(name, known)))


def _from_torchvision(source: str, name: str, shape: tuple[int, ...] | None) -> Blueprint:
    require("torchvision")
    from torchvision import models

    known = models.list_models()
    if name not in known:
        raise _unknown(source, name, "torchvision", known)
    arguments = dict(_TORCHVISION_ARGUMENTS.get(name, {}))
    if name in models.list_models(module=models.detection):
        hint = "profile its backbone, for example simulator.profiling.extract.nets.detectors:ssdlite320_backbone"
        raise ExtractionError(Problem(f'detector "{name}" selects boxes by their values: no fixed graph', hint))
    if name in models.list_models(module=models.segmentation):
        arguments |= {"weights_backbone": None, "aux_loss": False}
        if name.startswith("lraspp"):
            del arguments["aux_loss"]
    weights = models.get_model_weights(name)
    default = weights["DEFAULT"] if len(weights) else None
    size, top1, top1_source = None, None, None
    if default is not None:
        keywords = getattr(default.transforms, "keywords", {})
        extent = keywords.get("crop_size", keywords.get("resize_size"))
        size = (1, 3, extent, extent) if isinstance(extent, int) else None
        accuracy = default.meta.get("_metrics", {}).get("ImageNet-1K", {}).get("acc@1")
        if accuracy is not None:
            top1, top1_source = round(accuracy / 100, 6), f"torchvision {default} (meta _metrics, ImageNet-1K acc@1)"
    wanted = _known_shape(source, shape, size)
    if name.startswith("vit_"):
        if len(set(wanted[2:])) > 1:
            hint = f"timm's take others: timm:vit_base_patch16_224 --input {','.join(map(str, wanted))}"
            raise ExtractionError(Problem(f"{source} takes square pictures, not {_picture(wanted)}", hint))
        arguments["image_size"] = wanted[-1]
    return Blueprint(
        name,
        source,
        lambda: models.get_model(name, weights=None, **arguments),
        wanted,
        top1=top1,
        top1_source=top1_source,
        packages=("torchvision",),
    )


def _from_timm(source: str, name: str, shape: tuple[int, ...] | None) -> Blueprint:
    require("timm")
    import timm

    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise _unknown(source, name, "timm", timm.list_models())
    settings = timm.models.get_pretrained_cfg(architecture)
    size = (1, *settings.input_size) if settings is not None and settings.input_size else None
    resize = {} if shape is None or shape == size else {"img_size": _extent(shape)}
    wanted = _known_shape(source, shape, size)

    def build() -> Any:
        try:
            return timm.create_model(architecture, pretrained=False, **resize)
        except TypeError:  # only models with a fixed number of positions take an image size
            return timm.create_model(architecture, pretrained=False)

    return Blueprint(name, source, build, wanted, packages=("timm",))


def _from_transformers(source: str, name: str, shape: tuple[int, ...] | None) -> Blueprint:
    require("transformers")
    import transformers

    known = sorted(transformers.CONFIG_MAPPING.keys())
    if name not in known:
        raise _unknown(source, name, "transformers", known)
    config = transformers.AutoConfig.for_model(name)
    config.use_cache = False
    try:
        architecture = transformers.AutoModel._model_mapping[type(config)]
    except KeyError as error:
        hint = "name an architecture that AutoModel builds, for example hf:bert"
        raise ExtractionError(Problem(f'transformers has no base model for "{name}"', hint)) from error
    if isinstance(architecture, tuple):
        architecture = architecture[0]
    keyword = architecture.main_input_name
    text = keyword == "input_ids"
    image = getattr(config, "image_size", DEFAULT_PIXELS)
    usual: tuple[int, ...] | None = (1, DEFAULT_TOKENS) if text else None
    if keyword == "pixel_values" and isinstance(image, int):
        usual = (1, getattr(config, "num_channels", 3), image, image)
        if shape is not None and len(shape) == 4 and hasattr(config, "image_size"):
            config.image_size = _extent(shape)
    wanted = _known_shape(source, shape, usual, hint=_SOUNDS.get(keyword, _PICTURE))

    def build() -> Any:
        module = transformers.AutoModel.from_config(config)
        positions = _positions(module, config) if text else None
        if positions is not None and positions < wanted[-1]:
            message = f"{source} has {positions} positions, too few for {wanted[-1]} tokens"
            raise ExtractionError(Problem(message, f"give at most --input 1,{positions}"))
        return module

    return Blueprint(
        name,
        source,
        build,
        wanted,
        input_dtype="int64" if text else "float32",
        keyword=keyword,
        packages=("transformers",),
    )


def _positions(module: Any, config: Any) -> int | None:
    """How many tokens a text model has positions for, if it says.

    RoBERTa and those like it count from behind the row that stands for padding.
    """
    stated = getattr(config, "max_position_embeddings", None)
    found = [stated] if isinstance(stated, int) and stated > 0 else []
    for name, child in module.named_modules():
        padding, table = getattr(child, "padding_idx", None), getattr(child, "weight", None)
        if name.endswith("position_embeddings") and padding is not None and table is not None:
            found.append(table.shape[0] - padding - 1)
    return min(found, default=None)


def _from_factory(source: str, name: str, shape: tuple[int, ...] | None) -> Blueprint:
    """A module of anyone's own: its attributes ``input_shape`` and ``input_dtype`` tell the usual input."""
    module_name = source.partition(":")[0]
    here = str(Path.cwd())
    try:
        with importable(here):
            module = importlib.import_module(module_name)
            factory = getattr(module, name, None)
    except MODEL_ERRORS as error:
        hint = "the module is looked up in the working directory and among the installed packages"
        raise ExtractionError(raised(f'"{module_name}" cannot be imported', error, hint)) from error
    if not callable(factory):
        callables = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ExtractionError(Problem(f'"{module_name}" has nothing callable "{name}"', did_you_mean(name, callables)))
    declared = getattr(factory, "input_shape", None)
    dtype = getattr(factory, "input_dtype", "float32")
    if not isinstance(dtype, str) or dtype not in ELEMENT_BYTES:
        hint = did_you_mean(str(dtype)[:_SHOWN], list(ELEMENT_BYTES))
        raise ExtractionError(Problem(f'input_dtype "{str(dtype)[:_SHOWN]}" of {source} is not an element type', hint))
    if declared is not None and not _is_shape(declared):
        hint = "for example input_shape = (1, 3, 224, 224)"
        raise ExtractionError(Problem(f'input_shape "{str(declared)[:_SHOWN]}" of {source} is not a shape', hint))
    usual = None if declared is None else tuple(declared)
    return Blueprint(name, source, factory, _known_shape(source, shape, usual), input_dtype=dtype, folder=here)


_READERS: Mapping[str, Callable[[str, str, tuple[int, ...] | None], Blueprint]] = MappingProxyType(
    {"torchvision": _from_torchvision, "timm": _from_timm, "hf": _from_transformers}
)
