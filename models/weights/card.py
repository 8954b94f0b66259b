"""Card of the networks that give every particle a weight."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l1kd.emulators.particles.input_matrix import INPUT_SETS, InputSet
from l1kd.models.weights.config import (
    DistillNetConfig,
    HgqDistillNetConfig,
    Loss,
    QDistillNetConfig,
    StudentConfig,
    TeacherConfig,
)
from l1kd.models.weights.metrics import JET_ETA, JET_PT

__all__ = ["card", "input_description"]


Config = TeacherConfig | StudentConfig

_MAKERS: dict[InputSet, tuple[str, ...]] = {
    "paper": ("l1kd.emulators.particles.distillnet_inputs.distillnet_inputs",),
    "local": (
        "l1kd.emulators.particles.distillnet_inputs.distillnet_inputs",
        "l1kd.emulators.particles.local_inputs.local_inputs",
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


OUTPUT_FORMAT = "ap_ufixed<9,1> (steps of 1/256), rounded to nearest even and saturated"


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
    accuracies, against_teacher = test["accuracy"], ""
    if test["accuracy_teacher"]:
        against = test["accuracy_teacher"]
        against_teacher = (
            f" Against the teacher: network {against['network']:.3f}, PUPPI {against['puppi']:.3f}."
            f" {_agreement(test['agreement_teacher'])}"
        )
    return [
        f"### {name}: {test['events']:,} events, {test['particles']:,} particles",
        "",
        *_table("MET", test["met"]),
        *_table(f"jets, generated pt > {JET_PT:g} GeV, abs(eta) < {JET_ETA:g}", test["jets"]),
        f"Accuracy against the truth: network {accuracies['network']:.3f}, PUPPI "
        f"{accuracies['puppi']:.3f}.{against_teacher}",
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
        terms.append(f"{loss.met:g} x error of MET")
    if loss.jet:
        terms.append(
            f"{loss.jet:g} x relative error of the momentum of generated jets above "
            f"{loss.jet_min_pt:g} GeV"
        )
    if loss.transport:
        terms.append(
            f"{loss.transport:g} x sliced Wasserstein distance to the same event without pile-up"
            + (", of equal masses" if loss.masses == "equal" else "")
        )
    kept = "; charged particles keep their vertex association" if loss.charged == "vertex" else ""
    return f"{', plus '.join(terms)}{kept} (`l1kd.models.weights.event_loss.EventLoss`)."


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


def _puppi(association: str) -> str:
    if association != "both":
        return f"`l1kd.algorithms.Puppi(association={association!r})`"
    return (
        "`l1kd.algorithms.Puppi`; every event is met twice, with the association by dz, and with "
        "the true one, which charged particles then keep"
    )


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
        f"- PUPPI weight, an input: {_puppi(data.association)}.",
        f"- Target: {_target(config)}.",
        f"- Loss: {_loss(config.loss)}",
        f"- {config.optimisation.epochs} epochs, {config.optimisation.batch} events a batch, seed "
        f"{config.seed}. Command, versions and hashes of the data: `provenance.json`.",
        "",
    ]


def _sizes(config: StudentConfig) -> str:
    columns = len(INPUT_SETS[config.inputs])
    return " -> ".join(str(size) for size in (columns, *config.hidden, 1))


def _architecture(config: Config, metrics: Mapping[str, Any]) -> list[str]:
    if isinstance(config, TeacherConfig):
        return [
            f"Encoder of {2 * config.width} and {config.width} units, {config.rounds} rounds of "
            f"attention ({config.heads} heads, messages of {config.edge}) over the "
            f"{config.neighbours} nearest particles above 1 GeV, a summary of the event (without "
            f"{metrics['dead_units']} dead units, which none of {metrics['events_searched']} "
            "training events activates), decoder; "
            f"{metrics['parameters']:,} parameters, {metrics['flops_per_particle']:,} "
            "floating-point operations a particle.",
            "",
        ]
    export = metrics["export"]
    if isinstance(config, DistillNetConfig):
        excluded = f" Excluded: {', '.join(config.without)}." if config.without else ""
        return [
            f"Dense {_sizes(config)}, batch normalisation and ReLU after each hidden layer, "
            f"sigmoid at the end; {metrics['parameters']:,} parameters.{excluded} Standardisation "
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
        first, last = config.ebops_regularisation
        return (
            "Each input, weight and activation has a number of bits of its own, found in training "
            f"with an EBOPs regularisation of {first:g} rising to {last:g} a bit "
            f"operation{_aim(config)}: {ebops:,.0f} effective bit operations."
            f"{_calibration(metrics)}"
        )
    return (
        f"Weights of {config.bits} bits ({config.integer} integer bits and a sign), activations "
        f"unsigned of {config.activation_bits} bits ({config.activation_integer} integer), inputs "
        f"ap_fixed<{config.input_width},{config.input_integer}> rounded to nearest even and "
        "saturated."
    )


def _aim(config: HgqDistillNetConfig) -> str:
    if config.bit_operations is None:
        return ""
    first, last = config.bit_operations
    return f", and steeply with what is spent above {first:g} falling to {last:g}"


def _calibration(metrics: Mapping[str, Any]) -> str:
    found = metrics.get("calibration")
    if found is None:
        return ""
    return (
        f" After the training the last bias was moved by {found['shift']:g}, which brings the mean "
        f"ratio of the histogram's bins to the teacher's from {found['before']:.3f} to "
        f"{found['after']:.3f} on training events."
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
        f"{_LIMITS[inputs]} {_MEASURE}",
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

_MEASURE = (
    "dz is relative to the true hard vertex, which no trigger knows. The resolution of jets is "
    "that of matched jets: those that a weight removed are not in it. Where the simulated barrel "
    "ECAL has noise inside a log-normal smearing, about 10 of 1,000 events hold an isolated photon "
    "of 40 to 150 GeV from nothing, which counts as hard in training and test."
)
