"""Figures that the ``trace`` verbs write: of a measurement, and of a fit beside its generator."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import Problem, TraceError, did_you_mean
from simulator.figures.files import FORMATS, figure_content
from simulator.links.importers.model import ImportedTrace
from simulator.outputs import STANDARD_OUTPUT
from simulator.printable import one_line
from simulator.staging import write_files
from simulator.studies.fit import Fit
from simulator.studies.measurements import generator_yaml, refuse_source


def check_suffix(file: Path) -> str:
    """The format of a figure by the suffix of its file.

    Raises
    ------
    TraceError
        If it is none.
    """
    suffix = file.suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        hint = did_you_mean(suffix, FORMATS) or f"known: {', '.join(FORMATS)}"
        raise TraceError(Problem(f'"{file.name}" does not end like a figure', hint))
    return suffix


def write_figure(trace: ImportedTrace, file: Path) -> None:
    """Draw a trace into a file, its format by the suffix.

    Raises
    ------
    TraceError
        If the file does not end like a figure.
    ResultError
        If it cannot be written.
    """
    suffix = "svg" if file == STANDARD_OUTPUT else check_suffix(file)
    from simulator.figures.trace import draw_trace

    write_files({file: figure_content(draw_trace(trace), suffix)})


def write_fit(fit: Fit, file: Path | None) -> list[Path]:
    """Write a generator as YAML and the figure of the fit beside it; the generator is called like the file.

    Parameters
    ----------
    fit : Fit
    file : Path or None
        None stands for the name of the measurement with the suffix ``.yaml``, in the working directory; standard
        output takes no figure.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    TraceError
        If the file is the measurement itself or no ``.yaml``.
    ResultError
        If a file cannot be written.
    """
    target = file or Path(f"{Path(fit.file).stem}.yaml")
    if target == STANDARD_OUTPUT:
        write_files({target: generator_yaml(fit.generator)})
        return [target]
    if target.suffix != ".yaml":
        raise TraceError(Problem(f'"{target.name}" does not end in .yaml', "a generator is a YAML file"))
    if one_line(target.stem) != target.stem:
        message = f'"{target.stem}" is not a name for a generator, which is called like its file'
        raise TraceError(Problem(message, "name a file with -o in letters that people can read"))
    picture = target.with_suffix(".svg")
    for path in (target, picture):
        refuse_source(fit.file, path)
    from simulator.figures.fit import draw_fit

    named = fit.generator.model_copy(update={"name": target.stem})
    write_files({target: generator_yaml(named), picture: figure_content(draw_fit(fit), "svg")})
    return [target, picture]
