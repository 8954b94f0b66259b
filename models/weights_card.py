"""Metrics and card of the networks that give every particle a weight."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.config import (
    DistillNetConfig,
    HgqDistillNetConfig,
    Loss,
    QDistillNetConfig,
    TeacherConfig,
)
from l1kd.models.evaluation.accuracy import agreement
from l1kd.models.particles import INPUT_SETS, Generated, InputSet, Particles
from l1kd.physics.jets import anti_kt
from l1kd.physics.matching import match_nearest
from l1kd.physics.met import missing_pt
from l1kd.physics.response import ResponseSample, jet_table, met_table

__all__ = ["accuracy", "card", "describe", "input_description", "weightings"]


Config = TeacherConfig | DistillNetConfig | QDistillNetConfig | HgqDistillNetConfig

_MAKERS: dict[InputSet, tuple[str, ...]] = {
    "paper": ("l1kd.emulators.distillnet_inputs.distillnet_inputs",),
    "local": (
        "l1kd.emulators.distillnet_inputs.distillnet_inputs",
        "l1kd.emulators.local_inputs.local_inputs",
    ),
}


def input_description(input_set: InputSet) -> dict[str, Any]:
    """Describe the networks' input for a manifest."""
    columns = INPUT_SETS[input_set]
    return {
        "particles": {
            "set": input_set,
            "shape": ["n", len(columns)],
            "columns": list(columns),
            "made_by": " and ".join(_MAKERS[input_set]),
            "units": "GeV, rad, cm",
        }
    }


Weights = NDArray[np.float32]
OUTPUT_FORMAT = "ap_ufixed<9,1> (steps of 1/256), rounded to nearest even and saturated"
_JET_PT = 20.0
_JET_ETA = 4.0


def _sample(
    particles: Particles, generated: Generated, weightings: Mapping[str, Weights]
) -> ResponseSample:
    p = particles
    met, jet_pt = {}, {}
    for name, weights in weightings.items():
        met[name] = np.stack(missing_pt(p.pt, p.phi, p.offsets, weights))
        jets = anti_kt(p.pt, p.eta, p.phi, p.energy, p.offsets, weights)
        measured, wanted = match_nearest(jets, generated.jets)
        matched = np.full(len(generated.jets.pt), np.nan)
        matched[wanted] = jets.pt[measured]
        jet_pt[name] = matched
    events = p.n_events
    return ResponseSample(
        generated.met,
        met,
        np.ones(events),
        generated.jets.pt,
        generated.jets.eta,
        np.repeat(np.arange(events), np.diff(generated.jets.offsets)),
        jet_pt,
    )


def weightings(particles: Particles, weights: Weights) -> dict[str, Weights]:
    """Return the weightings that a card compares, by name.

    ``network`` takes the network's weights for all particles; ``network, charged by vertex`` takes
    them for neutrals only, and for charged particles the vertex association that PUPPI makes.
    """
    charged = particles.charge != 0
    return {
        "none": np.ones(len(particles), np.float32),
        "puppi": particles.puppi_weight,
        "network": weights,
        "network, charged by vertex": np.where(charged, particles.puppi_weight, weights),
        "truth": particles.truth,
    }


def describe(
    particles: Particles, generated: Generated, weights: Mapping[str, Weights]
) -> dict[str, Any]:
    """Measure a network on test events.

    Parameters
    ----------
    particles, generated
        Test events.
    weights : mapping
        What `weightings` returned.

    Returns
    -------
    dict
        JSON-ready: ``met`` and ``jets``, the tables of `l1kd.physics.response`; ``accuracy`` of the
        neutrals' weights against the truth and ``accuracy_teacher`` against the teacher;
        ``agreement_teacher`` of all particles' weights with it, see
        `l1kd.models.evaluation.accuracy.agreement`.
    """
    sample = _sample(particles, generated, weights)
    neutral = particles.charge == 0
    truth = particles.truth[neutral]
    return {
        "events": particles.n_events,
        "particles": len(particles),
        "met": met_table(sample),
        "jets": jet_table(sample, max_abs_eta=_JET_ETA, gen_pt_range=(_JET_PT, np.inf)),
        "accuracy": {
            name: accuracy(weights[name][neutral], truth) for name in ("puppi", "network")
        },
        "accuracy_teacher": {
            name: accuracy(weights[name][neutral], weights["teacher"][neutral])
            for name in ("puppi", "network")
            if "teacher" in weights
        },
        "agreement_teacher": agreement(weights["network"], weights["teacher"], particles.offsets)
        if "teacher" in weights
        else {},
    }


def accuracy(weights: Weights, truth: Weights, bins: int = 20) -> float:
    """Return the mean ratio of two weight histograms, as the DistillNet paper defines accuracy.

    Parameters
    ----------
    weights, truth : numpy.ndarray, shape (n,)
        Weights of a network and those that it should give, in [0, 1].
    bins : int
        Bins of equal width.

    Returns
    -------
    float
        Mean over the bins that hold anything of smaller over larger content.
    """
    first, _ = np.histogram(weights, bins, (0.0, 1.0))
    second, _ = np.histogram(truth, bins, (0.0, 1.0))
    filled = np.maximum(first, second) > 0
    ratio = np.minimum(first, second)[filled] / np.maximum(first, second)[filled]
    return float(ratio.mean())


def _cell(row: Mapping[str, Any], quantity: str) -> str:
    entry = row[quantity]
    if entry["value"] is None:
        return "no entries"
    return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _gain(table: Mapping[str, Any], name: str, quantity: str) -> str:
    if name == "puppi":
        return "reference"
    entry = table[name][f"{quantity}_ratio"]
    if entry["value"] is None:
        return "no entries"
    gain, low, high = (100.0 * (1.0 - entry[key]) for key in ("value", "high", "low"))
    return f"{gain:+.0f}% ({low:+.0f} to {high:+.0f})"


def _table(title: str, table: Mapping[str, Any]) -> list[str]:
    lines = [
        f"| {title} | resolution | gain over PUPPI | response-corrected | gain | median response |",
        "|---|---|---|---|---|---|",
    ]
    for name in table:
        cells = [
            _cell(table[name], "resolution"),
            _gain(table, name, "resolution"),
            _cell(table[name], "corrected"),
            _gain(table, name, "corrected"),
            _cell(table[name], "response"),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _agreement(found: Mapping[str, Any]) -> str:
    parts = [
        f"{called} {_cell(found, name)}"
        for name, called in (
            ("mean_ratio", "mean ratio of the histograms, the paper's accuracy,"),
            ("symmetric_ratio", "smaller over larger"),
            ("overlap", "overlap of the histograms"),
            ("close", "within 0.05"),
            ("same_side", "on the same side of one half"),
        )
    ]
    return f"All particles against the teacher: {'; '.join(parts)}."


def _test(name: str, test: Mapping[str, Any]) -> list[str]:
    accuracies, taught = test["accuracy"], ""
    if test["accuracy_teacher"]:
        against = test["accuracy_teacher"]
        taught = (
            f" Against the teacher: network {against['network']:.3f}, PUPPI {against['puppi']:.3f}."
            f" {_agreement(test['agreement_teacher'])}"
        )
    return [
        f"### {name}: {test['events']:,} events, {test['particles']:,} particles",
        "",
        *_table("missing momentum", test["met"]),
        *_table(f"jets, generated pt > {_JET_PT:g} GeV, abs(eta) < {_JET_ETA:g}", test["jets"]),
        f"Accuracy against the truth: network {accuracies['network']:.3f}, PUPPI "
        f"{accuracies['puppi']:.3f}.{taught}",
        "",
    ]


def _loss(loss: Loss) -> str:
    terms = []
    if loss.particle and loss.error == "squared":
        terms.append(
            f"{loss.particle:g} x error of the weight squared times min(pt, "
            f"{loss.pt_cap:g} GeV)^2 over 1000"
        )
    elif loss.particle:
        terms.append(
            f"{loss.particle:g} x absolute error of the weight times min(pt, {loss.pt_cap:g} GeV)"
        )
    if loss.met:
        terms.append(f"{loss.met:g} x error of the missing momentum")
    if loss.jet:
        terms.append(
            f"{loss.jet:g} x relative error of the momentum of generated jets above "
            f"{loss.jet_min_pt:g} GeV"
        )
    if loss.transport:
        terms.append(
            f"{loss.transport:g} x sliced Wasserstein distance to the same event without pile-up"
        )
    kept = "; charged particles keep their vertex association" if loss.charged == "vertex" else ""
    return f"{', plus '.join(terms)}{kept} (`l1kd.models.event_loss.EventLoss`)."


def _target(config: Config) -> str:
    if isinstance(config, TeacherConfig):
        return "the truth"
    share = config.distillation
    parts = []
    if share.alpha:
        parts.append(f"{share.alpha:g} x truth")
    if share.beta:
        parts.append(f"{share.beta:g} x the weights of {Path(str(share.teacher)).name}")
    return f"({' + '.join(parts)}) / {share.alpha + share.beta:g}"


def _training(config: Config) -> list[str]:
    data = config.data
    limits = [f"{name}: its first {count} events" for name, count in data.first_events.items()]
    return [
        "## Training",
        f"- Data: {', '.join(data.train)}{' (' + '; '.join(limits) + ')' if limits else ''}, the "
        f"last {100 * data.validation_fraction:.0f}% of the events for validation; test: "
        f"{', '.join(data.test.values())}. Simulated (Pythia, Delphes), 14 TeV, 140 collisions a "
        "crossing, candidates before PUPPI; each event is turned around the beam and mirrored at "
        "random.",
        "- Truth: share of a neutral's energy that comes from the hard collision; charged "
        "particles 1 or 0 by their origin.",
        f"- PUPPI weight, an input: `l1kd.algorithms.Puppi(association={data.association!r})`.",
        f"- Target: {_target(config)}.",
        f"- Loss: {_loss(config.loss)}",
        f"- {config.optimisation.epochs} epochs, {config.optimisation.batch} events a batch, seed "
        f"{config.seed}. Command, versions and hashes of the data: `provenance.json`.",
        "",
    ]


def _sizes(config: DistillNetConfig | QDistillNetConfig | HgqDistillNetConfig) -> str:
    columns = len(INPUT_SETS[config.inputs])
    return " -> ".join(str(size) for size in (columns, *config.hidden, 1))


def _architecture(config: Config, metrics: Mapping[str, Any]) -> list[str]:
    if isinstance(config, TeacherConfig):
        return [
            f"Encoder of {2 * config.width} and {config.width} units, {config.rounds} rounds of "
            f"attention ({config.heads} heads, messages of {config.edge}) over the "
            f"{config.neighbours} nearest particles above 1 GeV, a summary of the event, decoder; "
            f"{metrics['parameters']:,} parameters, {metrics['flops_per_particle']:,} "
            "floating-point operations a particle.",
            "",
        ]
    export = metrics["export"]
    if isinstance(config, DistillNetConfig):
        left_out = f" Left out: {', '.join(config.without)}." if config.without else ""
        return [
            f"Dense {_sizes(config)}, batch normalisation and ReLU after each hidden layer, "
            f"sigmoid at the end; {metrics['parameters']:,} parameters.{left_out} Standardisation "
            "of the inputs and batch normalisation are folded into the weights of `model.onnx`. "
            f"Largest difference between onnxruntime and Keras on {export['vectors']:,} particles: "
            f"{export['largest_difference_keras_onnx']:.1e}.",
            "",
        ]
    return [
        f"Dense {_sizes(config)}, ReLU after each hidden layer, sigmoid by table. "
        f"{_widths(config, metrics)} Output {OUTPUT_FORMAT}. {100 * metrics['sparsity']:.1f}% of "
        f"the kernel weights are zero, {metrics['nonzero_weights']:,} are not.",
        "",
        f"`network.npz` against the compiled C++ of hls4ml (Vitis, latency) on "
        f"{export['vectors']:,} particles of the test sample: "
        f"{export['mismatches_firmware_emulator']} mismatches. Against Keras: "
        f"{export['mismatches_keras_emulator']:,} (largest difference "
        f"{export['largest_difference_keras_emulator']:.4f}); QKeras computes the sigmoid, HGQ2 "
        "reads it from the same table.",
        "",
    ]


def _widths(config: QDistillNetConfig | HgqDistillNetConfig, metrics: Mapping[str, Any]) -> str:
    if isinstance(config, HgqDistillNetConfig):
        ebops = metrics["history"][config.name][-1]["ebops"]
        return (
            "Each input, weight and activation has a number of bits of its own, found in training "
            f"with a pressure of {config.pressure[0]:g} rising to {config.pressure[1]:g} a bit "
            f"operation: {ebops:,.0f} effective bit operations."
        )
    return (
        f"Weights of {config.bits} bits ({config.integer} integer bits and a sign), activations "
        f"unsigned of {config.activation_bits} bits ({config.activation_integer} integer), inputs "
        f"ap_fixed<{config.input_width},{config.input_integer}> rounded to nearest even and "
        "saturated."
    )


def card(config: Config, metrics: Mapping[str, Any]) -> str:
    """Write the model card, Markdown.

    Parameters
    ----------
    config : TeacherConfig, DistillNetConfig, QDistillNetConfig or HgqDistillNetConfig
        How the network was trained.
    metrics : mapping
        What `describe` measured, and what the export recorded.
    """
    inputs = "local" if isinstance(config, TeacherConfig) else config.inputs
    makers = " and ".join(f"`{name}`" for name in _MAKERS[inputs])
    lines = [
        f"# {config.name}-v{config.version}",
        "",
        f"A weight in [0, 1] for every particle, its share from the hard collision, from the "
        f"{len(INPUT_SETS[inputs])} inputs of {makers}; after Bal et al., MLST 5 (2024) 025033.",
        "",
        *_architecture(config, metrics),
        "## Test",
        "Half the distance of the quartiles of measured over generated; 68% intervals by "
        "bootstrap of events, gains paired. PUPPI on the same candidates with the same charged "
        "association is the reference; a positive gain is better. Response-corrected: divided by "
        "the median response. `network, charged by vertex` takes the network's weight for "
        "neutrals only and PUPPI's vertex association for charged particles. `truth` bounds what "
        "any weight can reach. Accuracy: mean ratio of 20-bin histograms of the neutrals' weights, "
        "over the bins that hold anything, smaller over larger, against the truth and against the "
        "teacher.",
        "",
    ]
    for name, test in metrics["tests"].items():
        lines += _test(name, test)
    lines += [
        *_training(config),
        "## Limits",
        _LIMITS[inputs],
        "",
    ]
    return "\n".join(lines)


_LIMITS = {
    "paper": "Trained on one simulation and one pile-up. The 16 inputs know of a particle's "
    "surroundings only through its PUPPI weight, which saturates at 1. Other detectors and other "
    "charged associations than the one above are outside the training.",
    "local": "Trained on one simulation and one pile-up. The sums around a particle grow with "
    "pile-up, and with the thresholds of a detector: other detectors, other pile-up and other "
    "charged associations than the one above are outside the training. What is displaced is told "
    "by the impact parameter, whose resolution is that of the simulated tracker.",
}
