"""Options that several verbs of ``offload-sim`` share."""

from __future__ import annotations

from collections.abc import Callable

import click


def _precision(ctx: click.Context, option: click.Parameter, text: str | None) -> float | None:  # noqa: ARG001
    """The option ``2%`` as a share."""
    from simulator.studies.sweeps.sweep import parse_precision

    return None if text is None else parse_precision(text)


SET = click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help='Such as link.uplink.rate="2 Mbit/s".'
)
SEED = click.option("--seed", type=int, help="Instead of the scenario's own.")
ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "fast"]),
    default="auto",
    show_default=True,
    help="auto takes the one that is done sooner; the result is the same.",
)
OVER = click.option("--over", multiple=True, metavar="PATH=VALUES", help="An axis: a,b,c or lo:hi:n[:log].")
#: what verbs share that run many points
POINTS = (
    click.option("--replications", type=click.IntRange(1, 10_000), help="Instead of the scenario's own."),
    click.option(
        "--precision", callback=_precision, metavar="PERCENT", help="Replicate until half-widths are this small."
    ),
    click.option("--max-replications", type=click.IntRange(2, 10_000), default=1000, show_default=True),
    click.option("--workers", type=click.IntRange(1, 1000), help="Processes; one for each core if left out."),
    click.option("--cluster", default="", metavar="ADDRESS", help="Dask scheduler whose workers compute instead."),
    SEED,
    SET,
    ENGINE,
)


def with_points(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of `POINTS`."""
    for option in reversed(POINTS):
        verb = option(verb)
    return verb
