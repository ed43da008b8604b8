"""Generators: what they are fitted to, what they draw, what a file of one must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import paths
from simulator.devices.sourced import document_at
from simulator.errors import CardError, TraceError
from simulator.links import fit, fit_losses, generator
from simulator.links.fit import Origin, fit_markov
from simulator.links.generator import GilbertElliottGenerator, MarkovGenerator, load_gilbert_elliott, load_markov
from simulator.links.gilbert_elliott import draw_losses
from simulator.links.importers.model import RateSeries
from simulator.links.importers.rows import laid_end_to_end, regular
from simulator.links.markov import MarkovLink, generate
from simulator.studies.measurements import generator_yaml

pytestmark = pytest.mark.engine_free

ORIGIN = Origin("made", "made for a test", "this file", "none")


def series(rates_mbps: list[float] | np.ndarray, step_s: float = 1.0) -> RateSeries:
    """Rates of equal intervals."""
    return regular(np.asarray(rates_mbps, dtype=float) * 1e6, step_s)


def switching(seed: int, size: int, stay: float) -> np.ndarray:
    """A rate that is 1 or 9 Mbit/s and stays what it is with a probability; its autocorrelation is (2 stay - 1)^lag."""
    generator = np.random.Generator(np.random.PCG64(seed))
    flips = generator.random(size) >= stay
    return np.where(np.cumsum(flips) % 2, 9.0, 1.0)


@given(st.lists(st.sampled_from([0.0, 0.001, 1.0, 2.0, 3.5, 8.0]), min_size=1, max_size=80).filter(any))
def test_shares_of_time_are_stationary_under_the_chain(rates: list[float]) -> None:
    """The fitted chain spends exactly the measured share of time in each state outside stalls, and in each stall.

    Stalls are entered as often as they are left, and last for the mean of their lengths.
    """
    pooled = np.array(rates) * 1e6
    chain = fit.chain_of([pooled], min(10e3, pooled.max()))
    count = len(chain.stall_of_state)
    assert chain.transitions.sum(axis=1) == pytest.approx(np.ones(count))
    shares = np.bincount(chain.state_of, minlength=count) / pooled.size
    outside = np.array([stall is None for stall in chain.stall_of_state])
    arriving = (shares * outside) @ chain.transitions
    left = np.array([shares[np.equal(chain.stall_of_state, k)].sum() for k in range(len(chain.stalls))])
    for stall, share in zip(chain.stalls, left, strict=True):
        arriving += share / stall.mean_length * np.array(stall.exits)
    assert arriving[outside] == pytest.approx(shares[outside], abs=1e-5)
    for number, (stall, share) in enumerate(zip(chain.stalls, left, strict=True)):
        entered = arriving[np.equal(chain.stall_of_state, number)].sum()
        assert entered * stall.mean_length == pytest.approx(share, abs=1e-4)


@given(st.lists(st.floats(0, 100), min_size=50, max_size=400).filter(lambda rates: max(rates) > 1e-3))
def test_shares_times_means_are_the_mean_of_the_measurement(rates: list[float]) -> None:
    """No rate is lost between the states, and each lies between its lowest and highest."""
    pooled = np.array(rates) * 1e6
    below_bps = min(10e3, 0.1 * float(pooled.mean()))
    fitted = fit.fitted_below([pooled], 1.0, below_bps, ORIGIN, fit.rate_statistics([pooled], 1.0))
    mean = sum(state.share * state.mean for state in fitted.states)
    assert mean == pytest.approx(np.mean(rates) * 1e6, rel=1e-4, abs=1)
    assert fitted.fitted_to.mean == pytest.approx(np.mean(rates) * 1e6, rel=1e-4, abs=1)


def test_a_rate_that_nobody_could_measure_is_an_outage() -> None:
    """1e-150 bit/s stands for 0, which a generator file can hold."""
    fitted = fit_markov(series([1e-156] * 60 + [1.0] * 60), ORIGIN)
    assert min(state.highest for state in fitted.states) == 0
    assert sum(state.share * state.mean for state in fitted.states) == pytest.approx(5e5)


def test_outages_are_states_of_their_own() -> None:
    """Below 10 kbit/s; never in one state with a rate above."""
    fitted = fit_markov(series([0.0, 0.009, 5.0, 6.0] * 30), ORIGIN)
    for state in fitted.states:
        assert state.highest < 10e3 or state.lowest >= 10e3
    assert sum(state.share for state in fitted.states if state.highest < 10e3) == pytest.approx(0.5)
    assert fitted.fitted_to.outage == 0.5


def test_a_realisation_has_the_mean_and_the_autocorrelation_of_what_it_was_fitted_to() -> None:
    """A chain of two rates that stays with 0.9: autocorrelation 0.8 at lag 1 and 0.8^5 at lag 5.

    The 2e4 measured steps hold 2e4 / 9 independent ones, so that their mean has a standard error of 0.085 Mbit/s, to
    which the realisation adds 0.03; 0.4 is four of them. Regimes make a chain that has none remember up to 0.1 more.
    """
    fitted = fit_markov(series(switching(1, 20_000, 0.9)), ORIGIN)
    channel = generate(fitted, np.random.SeedSequence(2), 200_000.0)
    assert channel.rates_bps.mean() / 1e6 == pytest.approx(5.0, abs=0.4)
    found = fit.autocorrelation([channel.rates_bps], (1, 5))
    assert found == pytest.approx([0.8, 0.8**5], abs=0.12)


def test_slow_changes_survive() -> None:
    """A level that changes every 100 steps under white noise: the correlation at lag 20 is not forgotten."""
    generator = np.random.Generator(np.random.PCG64(3))
    levels = np.repeat(generator.choice([5.0, 50.0], 200), 100)
    measured = series(levels + generator.uniform(0, 10, levels.size))
    fitted = fit_markov(measured, ORIGIN)
    drawn = generate(fitted, np.random.SeedSequence(4), 100_000.0)
    (of_measured,) = fit.autocorrelation([measured.rates_bps], (20,))
    (of_drawn,) = fit.autocorrelation([drawn.rates_bps], (20,))
    assert of_measured > 0.7
    assert of_drawn > 0.6


def test_runs_are_not_joined_for_the_autocorrelation() -> None:
    """Two constant runs: over pairs inside runs the rates agree in full, across them not at all."""
    runs = [np.full(10, 1.0), np.full(10, 3.0)]
    assert fit.autocorrelation(runs, (1,)) == pytest.approx([1.0])


def test_irregular_series_are_averaged_on_their_median_step_with_stalls_as_zero() -> None:
    """Rates 4, 8 for 1 s, a stall of 1 s, 6 for 2 s."""
    uneven = RateSeries(np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0]), np.array([4e6, 8e6, 6e6]))
    (run,), step = fit.on_regular_grid(uneven)
    assert step == 1.0
    assert run == pytest.approx([4e6, 8e6, 0.0, 6e6, 6e6])


def test_the_same_seed_draws_the_same_channel_and_another_seed_another() -> None:
    """Bit for bit."""
    fitted = fit_markov(series(switching(1, 500, 0.8)), ORIGIN)
    first, again, other = (generate(fitted, np.random.SeedSequence(seed), 300.0) for seed in (5, 5, 6))
    assert np.array_equal(first.rates_bps, again.rates_bps)
    assert not np.array_equal(first.rates_bps, other.rates_bps)
    assert first.edges_s[-1] == 300.0


def test_a_realisation_never_is_one_long_outage() -> None:
    """Two steps of a link that is out for 100 steps at a time: drawn until it is not."""
    fitted = fit_markov(series(([0.0] * 100 + [1.0]) * 5), ORIGIN)
    for seed in range(20):
        assert generate(fitted, np.random.SeedSequence(seed), 2.0).rates_bps.any()


def test_too_many_steps_are_refused() -> None:
    """A year at a step of a second."""
    fitted = fit_markov(series([1.0, 2.0] * 50), ORIGIN)
    with pytest.raises(TraceError, match="too many steps"):
        generate(fitted, np.random.SeedSequence(1), 365 * 86400.0)


def test_a_dead_link_is_refused() -> None:
    """Nothing but zeros."""
    with pytest.raises(TraceError, match="dead for ever"):
        fit_markov(series([0.0] * 100), ORIGIN)


def test_too_few_samples_are_refused() -> None:
    """29 of them."""
    with pytest.raises(TraceError, match="29 samples are too few"):
        fit_markov(series([1.0] * 29), ORIGIN)


def test_separate_runs_are_fitted_together() -> None:
    """Their samples are pooled."""
    runs = laid_end_to_end([series([1.0, 2.0] * 30), series([3.0] * 40)])
    assert fit_markov(runs, ORIGIN).fitted_to.samples == 100


def brute_likelihood(losses: list[bool], parameters: tuple[float, float, float, float]) -> float:
    """Log-likelihood of losses, summed over every path of hidden states."""
    to_bad, to_good, loss_good, loss_bad = parameters
    step = np.array([[1 - to_bad, to_bad], [to_good, 1 - to_good]])
    start = np.array([to_good, to_bad]) / (to_bad + to_good)
    seen = [np.array([loss_good, loss_bad]) if lost else 1 - np.array([loss_good, loss_bad]) for lost in losses]
    total = 0.0
    for path in np.ndindex(*(2,) * len(losses)):
        chance = start[path[0]] * seen[0][path[0]]
        for k in range(1, len(losses)):
            chance *= step[path[k - 1], path[k]] * seen[k][path[k]]
        total += chance
    return float(np.log(total))


def test_likelihood_of_losses_is_the_sum_over_all_hidden_paths() -> None:
    """Ten frames in two runs, 2^5 paths each."""
    parameters = (0.2, 0.4, 0.1, 0.7)
    runs = [[False, True, True, False, False], [True, False, True, True, True]]
    ends = np.array([5, 10])
    found = fit_losses.expectations(np.array(runs[0] + runs[1], dtype=float), ends, *parameters)
    assert found[0] == pytest.approx(sum(brute_likelihood(run, parameters) for run in runs))
    assert found[6] + found[8] == pytest.approx(10)
    assert found[2] + found[4] == pytest.approx(8)


@pytest.mark.parametrize(
    "truth", [(0.05, 0.3, 0.0, 1.0), (0.01, 0.02, 0.1, 0.8)], ids=["bursts", "stretches of heavier loss"]
)
def test_parameters_of_gilbert_elliott_are_found_again(truth: tuple[float, float, float, float]) -> None:
    """From 60 000 frames drawn with them; standard errors are below 4 % of the transition probabilities."""
    given_ = losing(*truth)
    lost = draw_losses(given_.chain, np.random.SeedSequence(7), 60_000)
    found = fit_losses.fit_gilbert_elliott([lost[:20_000], lost[20_000:]], ORIGIN)
    assert found.good_to_bad == pytest.approx(truth[0], rel=0.15)
    assert found.bad_to_good == pytest.approx(truth[1], rel=0.15)
    assert found.loss_good == pytest.approx(truth[2], abs=0.015)
    assert found.loss_bad == pytest.approx(truth[3], abs=0.015)


def losing(to_bad: float, to_good: float, loss_good: float, loss_bad: float) -> GilbertElliottGenerator:
    """A generator of losses with given parameters."""
    statistics = {"frames": 2, "lost": 0, "burst_mean": 0, "burst_longest": 0, "lags": [], "autocorrelation": []}
    told = {"name": "made", "title": "made", "source": "made", "licence": "none", "estimated": "made"}
    chain = {"good_to_bad": to_bad, "bad_to_good": to_good, "loss_good": loss_good, "loss_bad": loss_bad}
    return GilbertElliottGenerator.model_validate({**told, **chain, "kind": "gilbert-elliott", "fitted_to": statistics})


def test_share_of_losses_is_that_of_the_stationary_chain() -> None:
    """Bad 1/4 of the time, in which 0.8 are lost, and 0.04 in the rest: 0.23 (standard error 0.002)."""
    lost = draw_losses(losing(0.1, 0.3, 0.04, 0.8).chain, np.random.SeedSequence(8), 200_000)
    assert lost.mean() == pytest.approx(0.25 * 0.8 + 0.75 * 0.04, abs=0.01)


def test_burst_lengths_stop_at_the_ends_of_runs() -> None:
    """Two frames lost at the end of one run and one at the start of the next are two bursts."""
    runs = [np.array([True, False, True, True]), np.array([True, False])]
    assert fit_losses.burst_lengths(runs).tolist() == [1, 2, 1]


@pytest.mark.parametrize(("lost", "words"), [(False, "no frame was lost"), (True, "no frame arrived")])
def test_losses_need_both(lost: bool, words: str) -> None:
    """Nothing to fit without losses between arrivals."""
    with pytest.raises(TraceError, match=words):
        fit_losses.fit_gilbert_elliott([np.full(100, lost)], ORIGIN)


def test_a_generator_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Every field."""
    fitted = fit_markov(series(switching(1, 500, 0.8)), ORIGIN)
    path = tmp_path / "made.yaml"
    path.write_bytes(generator_yaml(fitted))
    assert load_markov(str(path)) == fitted


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: markov", "kind: marcov", "marcov"),
        ("step: 1 s", "step: 0 s", "more than zero"),
        ("- [", "- [0.5, ", "transitions is not"),
        ("- [0.", "- [1.", "must be 1.0 or less"),
        ("mean: 1000000 bit/s, highest", "mean: 99999999 bit/s, highest", "not between"),
        ("share: 0.5", "share: 0.4", "do not add up to 1"),
        ("name: made", "name: other", "calls itself"),
    ],
)
def test_damaged_generator_files_are_refused_with_their_place(old: str, new: str, words: str, tmp_path: Path) -> None:
    """File, line and what is wrong."""
    fitted = fit_markov(series([1.0, 9.0] * 30 + [1.0, 1.0, 9.0, 9.0] * 20), ORIGIN)
    text = generator_yaml(fitted).decode()
    if old == "share: 0.5":
        old = f"share: {fitted.states[0].share:g}"
    assert old in text
    path = tmp_path / "made.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CardError) as caught:
        load_markov(str(path))
    assert words in str(caught.value)
    assert f"{path}:" in str(caught.value)


BUILT_IN = paths.names("generator")


def test_a_generator_file_is_read_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channel, draw and prediction of a link need the same file; a person may mend it between two runs."""
    text = paths.find("generator", "lte-downlink-driving").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("lte-downlink-driving", "mine"))
    read: list[Path] = []
    monkeypatch.setattr(generator, "document_at", lambda file: read.append(file) or document_at(file))
    assert load_markov(str(path)) is load_markov(str(path))
    assert read == [path]
    path.write_text(text.replace("lte-downlink-driving", "mine").replace("title: ", "title: My own. "))
    assert load_markov(str(path)).title.startswith("My own. ")
    assert read == [path, path]


def test_generators_are_shipped_for_every_technology() -> None:
    """3G, LTE both ways, 5G both ways and WiFi."""
    assert {"3g-uplink-driving", "lte-uplink-driving-2022", "lte-downlink-driving", "wifi-office"} <= set(BUILT_IN)
    assert {"5g-mmwave-uplink-walking", "5g-downlink-driving"} <= set(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_shipped_rates_draw_what_they_were_fitted_to(name: str) -> None:
    """Mean within 10 %, outage within 0.02 of the measurement, over 100 000 steps.

    The slowest regimes last for some hundred steps, so that such a run holds a few hundred independent stretches.
    """
    fitted = load_markov(name)
    drawn = generate(fitted, np.random.SeedSequence(9), 100_000 * fitted.step)
    assert drawn.mean_rate_bps == pytest.approx(fitted.fitted_to.mean, rel=0.1)
    assert np.mean(drawn.rates_bps < fit.OUTAGE_BPS) == pytest.approx(fitted.fitted_to.outage, abs=0.02)


@pytest.mark.parametrize("name", BUILT_IN)
def test_shipped_generators_cite_their_measurement(name: str) -> None:
    """Authors and year, repository and commit, licence."""
    load = load_gilbert_elliott if name.startswith("lorawan") else load_markov
    fitted: MarkovGenerator | GilbertElliottGenerator = load(name)
    assert " at " in fitted.source
    assert any(str(year) in fitted.source for year in range(2013, 2026))
    assert fitted.licence


def test_link_draws_from_its_own_stream() -> None:
    """The length is as asked; the stream decides."""
    link = MarkovLink.model_validate({"generator": "wifi-office", "length": "10 min"})
    channel = link.draw(None, np.random.SeedSequence(3))
    assert channel.edges_s[-1] == 600.0
    expected = generate(load_markov("wifi-office"), np.random.SeedSequence(3), 600.0)
    assert np.array_equal(channel.rates_bps, expected.rates_bps)
