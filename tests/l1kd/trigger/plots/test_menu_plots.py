"""Plots of menus, turn-ons and comparisons: what is drawn."""

import numpy as np
import pytest

from l1kd.plot_style import save
from l1kd.statistics import Estimate
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass, survival
from l1kd.trigger.efficiency.turn_on import TurnOn, fit
from l1kd.trigger.plots import menus as menu_plots
from l1kd.trigger.rates.curves import normalisation
from l1kd.trigger.rates.pileup import fit_pileup, rates_by_pileup
from l1kd.trigger.rates.tables import EventClass, menu_rates
from tests.l1kd.trigger.patterns import table

NORM = normalisation("run3")


@pytest.fixture(scope="module")
def events():
    generator = np.random.default_rng(1)
    hard = generator.exponential(1.0, 2000)
    fired = np.stack([hard > 1.0, hard > 2.0, generator.random(2000) < 0.05, hard > 99.0], axis=1)
    return table(fired, strata={"pileup": generator.integers(20, 60, 2000)})


@pytest.fixture(scope="module")
def rates(events):
    return menu_rates([EventClass("zb", events, NORM.input_hz)])


def test_seeds_stand_by_their_rate(rates):
    figure = menu_plots.seed_rates(rates)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["D", "C", "B", "A"]
    assert len(menu_plots.seed_rates(rates, most=2).axes[0].get_yticklabels()) == 2


def test_overlap_is_a_share_of_the_row(rates, tmp_path):
    figure = menu_plots.overlap_map(rates)
    image = figure.axes[0].images[0].get_array()
    b, a = 1, 0
    assert image[b, a] == pytest.approx(100.0)  # whatever fires B fires A
    assert image[a, b] == pytest.approx(100 * rates.overlap[0, 1] / rates.overlap[0, 0])
    save(figure, tmp_path, "overlap", dpi=40)


def test_scans_show_the_limit_and_the_budget(tmp_path):
    sample = [SpectrumClass("zb", Spectrum.of(np.arange(100.0)), NORM.input_hz)]
    scan = survival(sample, [10.0, 50.0, 200.0])
    figure = menu_plots.scan_curves({"$x$": scan}, budget_hz=1e5, marks={"$x$": 50.0})
    markers = [line.get_marker() for line in figure.axes[0].lines]
    assert r"$\downarrow$" in markers
    assert "o" in markers
    save(figure, tmp_path, "scan", dpi=40)


def test_pileup_with_fits(events, tmp_path):
    bins = rates_by_pileup(events, [20, 30, 40, 50, 60], NORM)
    found = fit_pileup(
        [b.mean for b in bins],
        [b.rates.total for b in bins],
        NORM.input_hz,
        [b.rates.n_events for b in bins],
    )
    figure = menu_plots.pileup_dependence(bins, ["A", "D"], {"total": found})
    save(figure, tmp_path, "pileup", dpi=40)
    assert figure.axes[0].get_ylim()[0] == 0.0


def test_turn_ons_with_fits(tmp_path):
    generator = np.random.default_rng(2)
    x = generator.uniform(0, 100, 3000)
    curve = TurnOn.of(x, x + generator.normal(0, 10, x.size), np.linspace(0, 120, 13)).curve(40.0)
    figure = menu_plots.turn_ons({"pt >= 40": curve}, {"pt >= 40": fit(curve)}, level=0.95)
    assert figure.axes[0].get_xlim() == (0.0, 120.0)
    save(figure, tmp_path, "turn_on", dpi=40)


def test_efficiency_against_rate(tmp_path):
    numbers = [Estimate(0.1 * i, 0.09 * i, 0.11 * i, 100) for i in range(1, 4)]
    figure = menu_plots.efficiency_against_rate({"puppi": numbers}, [1e4, 1e5, 1e6], signal="t_t")
    assert figure.axes[0].get_xscale() == "log"
    save(figure, tmp_path, "iso", dpi=40)


def test_nothing_to_draw_is_no_error(tmp_path):
    empty = menu_rates([EventClass("zb", table([(False, False)]), 1e6)])
    for name in ("seed_rates", "overlap_map"):
        save(getattr(menu_plots, name)(empty), tmp_path, name, dpi=40)


def test_ten_algorithms_have_ten_colours():
    curves = {f"weighting {i}": [Estimate(0.5, 0.4, 0.6, 10)] * 2 for i in range(10)}
    axes = menu_plots.efficiency_against_rate(curves, [1e4, 1e5]).axes[0]
    assert len({line.get_color() for line in axes.lines}) == 10
