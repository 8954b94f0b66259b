import numpy as np
import pytest

from l1kd.models.config import Loss
from l1kd.models.particle_loss import Batches, loss_function
from l1kd.models.particles import Particles


def particles(sizes=(40, 0, 25, 60), seed=1):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    f = np.float32
    return Particles(
        pt=rng.exponential(3.0, n).astype(f) + 1,
        eta=rng.uniform(-3, 3, n).astype(f),
        phi=rng.uniform(-np.pi, np.pi, n).astype(f),
        energy=rng.exponential(9.0, n).astype(f) + 1,
        charge=rng.integers(-1, 2, n).astype(np.int8),
        pid=rng.integers(0, 8, n).astype(np.uint8),
        d0=np.zeros(n, f),
        dz=np.zeros(n, f),
        puppi_weight=rng.random(n).astype(f),
        truth=rng.random(n).astype(f),
        offsets=np.concatenate(([0], np.cumsum(sizes))),
    )


def puppi_itself(x, training):
    """A model that gives the PUPPI weight back."""
    return x[:, 5:6]


def by_hand(events, loss):
    """Sum the loss in plain loops over events, particles and cells."""
    total = 0.0
    for i in range(events.n_events):
        p = events.events(i, i + 1)
        error = p.puppi_weight.astype(np.float64) - p.truth
        factor = np.minimum(p.pt, loss.pt_cap).astype(np.float64) ** loss.pt_power
        factor[p.charge != 0] *= loss.charged_factor
        total += (factor * error**2).sum()
        x, y = (p.pt * error * f(p.phi) for f in (np.cos, np.sin))
        total += loss.event_factor * (x.sum() ** 2 + y.sum() ** 2)
        width = 2 * np.pi / 9
        cells = zip(np.floor(p.eta / width), np.floor((p.phi + np.pi) / width), strict=True)
        cells = np.array([16 * row + column for row, column in cells])
        for cell in np.unique(cells):
            inside = cells == cell
            wanted = (p.pt * p.truth)[inside].sum()
            if wanted > loss.cell_min_pt:
                missing = (p.pt * error)[inside].sum()
                total += loss.cell_factor * (loss.cell_min_pt * missing / wanted) ** 2
    return total / events.n_events / 1000


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pt_power": 1.0, "pt_cap": 4.0},
        {"charged_factor": 0.25},
        {"event_factor": 0.3},
        {"cell_factor": 5.0, "cell_min_pt": 6.0},
        {"event_factor": 0.1, "cell_factor": 20.0, "cell_min_pt": 3.0},
    ],
)
def test_the_loss_is_what_it_says(tf, changes):
    events, loss = particles(), Loss(**changes)
    (batch,) = Batches(events, events.inputs(), loss, 4, seed=1)(0)
    found = float(loss_function(puppi_itself, loss, 4)(*batch))
    assert found == pytest.approx(by_hand(events, loss), rel=1e-4)


def test_the_truth_has_no_loss(tf):
    events = particles()
    loss = Loss(event_factor=1.0, cell_factor=1.0)
    (batch,) = Batches(events, events.inputs(), loss, 4, seed=1)(0)
    truth = batch[1]
    assert float(loss_function(lambda x, training: truth[:, None], loss, 4)(*batch)) == 0.0


def test_an_epoch_takes_whole_events_in_an_order_of_its_own(tf):
    events = particles(sizes=(5, 6, 7, 8, 9))
    batches = Batches(events, events.inputs(), Loss(), 2, seed=3)
    assert batches.steps == 2
    epochs = [list(batches(epoch)) for epoch in (0, 0, 1)]
    for first, second in zip(epochs[0], epochs[1], strict=True):
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)
    sizes = [[len(batch[0]) for batch in epoch] for epoch in epochs]
    assert sizes[0] != sizes[2]
    for batch in epochs[0]:
        assert (np.diff(batch[6].numpy()) >= 0).all()
        assert (np.diff(batch[7].numpy()) >= 0).all()
