from dataclasses import replace

import numpy as np
import pytest

from l1kd.models.weights.batches import Batches, Events, jet_numbers
from l1kd.models.weights.config import Loss
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.particles import Generated, Particles
from l1kd.physics.jets import sorted_jets


def particles(sizes=(40, 0, 25, 60), seed=1):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    f = np.float32
    charge = rng.integers(-1, 2, n).astype(np.int8)
    weight = rng.random(n).astype(f)
    return Particles(
        pt=rng.exponential(3.0, n).astype(f) + 1,
        eta=rng.uniform(-3, 3, n).astype(f),
        phi=rng.uniform(-np.pi, np.pi, n).astype(f),
        energy=rng.exponential(9.0, n).astype(f) + 1,
        charge=charge,
        pid=rng.integers(0, 8, n).astype(np.uint8),
        d0=np.zeros(n, f),
        dz=np.zeros(n, f),
        puppi_weight=np.where(charge != 0, np.round(weight), weight),
        truth=rng.random(n).astype(f),
        offsets=np.concatenate(([0], np.cumsum(sizes))),
    )


def generated(events, per_event=3, seed=2):
    rng = np.random.default_rng(seed)
    n = per_event * events.n_events
    pt, eta, phi = rng.uniform(10, 60, n), rng.uniform(-3, 3, n), rng.uniform(-np.pi, np.pi, n)
    offsets = per_event * np.arange(events.n_events + 1)
    jets = sorted_jets(pt, eta, phi, np.zeros(n), offsets)
    return Generated(np.zeros((2, events.n_events)), jets)


def prepared(events, loss=None, no_pileup=None):
    found = Events.of(events, generated(events), loss or Loss(), no_pileup)
    return replace(found, columns=(found.particles.inputs(),))


def puppi_itself(x, event, training):
    """A model that gives the PUPPI weight back."""
    return x[:, 5:6]


def h(x, s):
    return s**2 * (np.sqrt(1.0 + (x / s) ** 2) - 1.0)


def by_hand(events, loss):
    """Sum the loss in plain loops over events, particles and jets."""
    truth = generated(events)
    total = 0.0
    for i in range(events.n_events):
        p = events.events(i, i + 1)
        error = p.puppi_weight.astype(np.float64) - p.truth
        own = (p.charge == 0) | (loss.charged == "network")
        capped = np.minimum(p.pt, loss.pt_cap).astype(np.float64)
        single = np.abs(error) * capped
        if loss.error == "squared":
            single = (error * capped) ** 2 / 1000
        total += loss.particle * single[own].sum()
        x, y = ((p.pt * error * f(p.phi)).sum() for f in (np.cos, np.sin))
        total += loss.met * h(np.hypot(x, y), loss.met_scale) / 1000
        jets = truth.jets
        chosen = [
            j for j in range(jets.offsets[i], jets.offsets[i + 1]) if jets.pt[j] > loss.jet_min_pt
        ]
        inside = {j: [] for j in chosen}
        for k in range(len(p)):
            distances = []
            for j in chosen:
                d_phi = (p.phi[k] - jets.phi[j] + np.pi) % (2 * np.pi) - np.pi
                distances.append(np.hypot(p.eta[k] - jets.eta[j], d_phi))
            if distances and min(distances) < 0.4:
                inside[chosen[int(np.argmin(distances))]].append(k)
        for members in inside.values():
            wanted = (p.pt * p.truth)[members].sum()
            if wanted > loss.jet_min_pt / 2:
                total += loss.jet * h((p.pt * error)[members].sum() / wanted, loss.jet_scale)
    return total / events.n_events


@pytest.mark.parametrize(
    "changes",
    [
        {"met": 0.0, "jet": 0.0},
        {"met": 0.0, "jet": 0.0, "error": "absolute", "pt_cap": 3.0},
        {"particle": 0.0, "jet": 0.0, "met": 2.0, "met_scale": 5.0},
        {"particle": 0.0, "met": 0.0, "jet": 3.0, "jet_min_pt": 4.0},
        {"jet_min_pt": 4.0},
        {"jet_min_pt": 4.0, "charged": "vertex"},
    ],
)
def test_the_loss_is_what_it_says(tf, changes):
    events, loss = particles(), Loss(**changes)
    (batch,) = Batches(prepared(events, loss), 4, seed=1)(0)
    found = float(EventLoss(puppi_itself, loss, 4)(*batch))
    assert found == pytest.approx(by_hand(events, loss), rel=1e-4)
    assert found > 0.0


def test_the_target_has_no_loss_even_where_it_is_not_the_truth(tf):
    events = prepared(particles(), Loss(jet_min_pt=4.0))
    events = replace(events, target=np.sqrt(events.particles.truth))
    (batch,) = Batches(events, 4, seed=1)(0)
    target = batch[2]
    perfect = EventLoss(lambda x, event, training: target[:, None], Loss(jet_min_pt=4.0), 4)
    assert float(perfect(*batch)) == 0.0


@pytest.mark.parametrize("masses", ["momentum", "equal"])
def test_the_transport_term_sees_what_is_missing_and_what_is_misplaced(tf, masses):
    no_pileup = particles(seed=5)
    loss = Loss(particle=0.0, met=0.0, jet=0.0, transport=1.0, slices=64, masses=masses)

    def distance(events, weight):
        model = lambda x, event, training: tf.fill((tf.shape(x)[0], 1), weight)  # noqa: E731
        (batch,) = Batches(prepared(events, no_pileup=no_pileup), 4, seed=1)(0)
        return float(EventLoss(model, loss, 4)(*batch))

    moved = replace(no_pileup, phi=np.roll(no_pileup.phi, 1))
    assert distance(no_pileup, 1.0) == pytest.approx(0.0, abs=1e-6)
    assert distance(moved, 1.0) > 1e-3
    assert distance(no_pileup, 0.5) > distance(no_pileup, 0.9) > 1e-3


def unlike(given, wanted):
    """The likeness of histograms in plain loops."""
    bins = np.zeros((2, 20))
    for row, weights in zip(bins, (given, wanted), strict=True):
        for w in weights.astype(np.float64):
            above = [1.0, *(1 / (1 + np.exp((e / 20 - w) / 0.01)) for e in range(1, 20)), 0.0]
            row += -np.diff(above)
    first, second = bins
    return np.mean((first - second) ** 2 / (first + second + 1))


@pytest.mark.parametrize("charged", ["network", "vertex"])
def test_the_likeness_of_histograms_is_what_it_says(tf, charged):
    loss = Loss(particle=0.0, met=0.0, jet=0.0, charged=charged)
    events = prepared(particles(), loss)
    teacher = np.random.default_rng(7).beta(0.5, 0.8, len(events.particles)).astype(np.float32)
    (batch,) = Batches(replace(events, teacher=teacher), 4, seed=1)(0)
    found = EventLoss(puppi_itself, loss, 4, likeness=tf.Variable(2.0))(*batch)
    own = (events.particles.charge == 0) | (charged == "network")
    wanted = 2.0 * unlike(events.particles.puppi_weight[own], teacher[own]) / 4
    assert float(found) == pytest.approx(wanted, rel=1e-3)
    itself = lambda x, event, training: batch[-1][:, None]  # noqa: E731
    assert float(EventLoss(itself, loss, 4, likeness=tf.Variable(2.0))(*batch)) == 0.0


def test_likeness_and_transport_read_their_own_parts_of_a_batch(tf):
    loss = Loss(particle=0.0, met=0.0, jet=0.0, transport=1.0, slices=64)
    events = prepared(particles(), no_pileup=particles(seed=5))
    puppi = events.particles.puppi_weight
    (batch,) = Batches(replace(events, teacher=puppi), 4, seed=1)(0)
    (without,) = Batches(events, 4, seed=1)(0)
    tf.random.set_seed(1)
    both = float(EventLoss(puppi_itself, loss, 4, likeness=tf.Variable(1.0))(*batch))
    tf.random.set_seed(1)
    assert both == pytest.approx(float(EventLoss(puppi_itself, loss, 4)(*without)), rel=1e-6)


def test_charged_particles_keep_their_association_in_the_events_that_say_so(tf):
    network, vertex = (Loss(jet_min_pt=4.0, charged=charged) for charged in ("network", "vertex"))
    first, second = particles(), particles(seed=9)
    alone = [prepared(first, network), prepared(second, vertex)]
    joined = Events.of(first, generated(first), network).and_then(
        Events.of(second, generated(second), vertex)
    )
    joined = replace(joined, columns=(joined.particles.inputs(),))
    half = lambda x, event, training: 0.5 + 0.0 * x[:, :1]  # noqa: E731
    expected = 0.0
    for events, loss in zip(alone, (network, vertex), strict=True):
        (batch,) = Batches(events, 4, seed=1)(0)
        expected += 4 * float(EventLoss(half, loss, 4)(*batch))
    (batch,) = Batches(joined, 8, seed=1)(0)
    assert 8 * float(EventLoss(half, network, 8)(*batch)) == pytest.approx(expected, rel=1e-5)
    (batch,) = Batches(replace(joined, kept=np.zeros(len(joined.jets), bool)), 8, seed=1)(0)
    assert 8 * float(EventLoss(half, network, 8)(*batch)) != pytest.approx(expected, rel=1e-3)


def test_a_part_of_the_events_keeps_the_weights_of_the_teacher(tf):
    events = prepared(particles(sizes=(5, 6, 7)))
    teacher = np.arange(18, dtype=np.float32)
    part = replace(events, teacher=teacher).part(1, 3)
    np.testing.assert_array_equal(part.teacher, teacher[5:])
    assert events.part(1, 3).teacher is None


def test_an_epoch_takes_whole_events_in_an_order_of_its_own(tf):
    events = prepared(particles(sizes=(5, 6, 7, 8, 9)))
    batches = Batches(events, 2, seed=3)
    assert batches.steps == 2
    epochs = [list(batches(epoch)) for epoch in (0, 0, 1)]
    for first, second in zip(epochs[0], epochs[1], strict=True):
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)
    sizes = [[len(batch[0]) for batch in epoch] for epoch in epochs]
    assert sizes[0] != sizes[2]
    for batch in epochs[0]:
        assert (np.diff(batch[1].numpy()) >= 0).all()
        assert (np.diff(batch[8].numpy()) >= 0).all()


def test_turning_an_event_keeps_its_shape(tf):
    events = prepared(particles(sizes=(30,)))
    (batch,) = Batches(events, 1, seed=4)(0)
    turned, p = batch[0].numpy(), events.particles
    assert not np.allclose(turned[:, 1], p.phi)
    np.testing.assert_allclose(np.abs(turned[:, 0]), np.abs(p.eta), rtol=1e-6)
    before, after = (np.cos(phi[:, None] - phi) for phi in (p.phi, turned[:, 1]))
    np.testing.assert_allclose(after, before, atol=1e-5)
    np.testing.assert_allclose(np.hypot(batch[5], batch[6]), p.pt, rtol=1e-5)


def test_a_particle_is_in_the_nearest_hard_jet():
    p = particles(sizes=(4,))
    p = replace(p, eta=np.float32([0.0, 0.25, 2.0, 0.1]), phi=np.float32([3.1, -3.1, 0.0, 3.1]))
    jets = sorted_jets(
        np.array([50.0, 30.0, 5.0]),
        np.array([0.0, 0.4, 2.0]),
        np.array([-3.1, -3.1, 0.0]),
        np.zeros(3),
        np.array([0, 3]),
    )
    numbers = jet_numbers(p, Generated(np.zeros((2, 1)), jets), 15.0)
    assert numbers.tolist() == [1, 2, 0, 1]
