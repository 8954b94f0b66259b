"""Card of a network in the correlator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l1kd.models.correlator.config import CorrelatorConfig, CorrelatorData, RateLossConfig

__all__ = ["card"]


def _rows(found: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {name} | " + " | ".join(f"{100 * x:.1f}%" for x in values.values()) + " |"
        for name, values in found.items()
        if isinstance(values, Mapping) and name != "made"
    ]
    return [*rows, f"\nMean of all: {100 * found['mean']:.1f}%."]


def _validation(metrics: Mapping[str, Any]) -> list[str]:
    """Tell what the halves of the events said, where they were asked."""
    if not metrics["validation"]:
        return []
    return [
        "## Validation",
        "",
        "Even and odd events are two halves: a float network trained on one is judged on the "
        "other. All share one library of collisions, so that the halves are not independent. The "
        "network itself is trained on both halves.",
        "",
        "| signal | efficiency at 310 kHz | at 100 kHz |",
        "|---|---|---|",
        *_rows(metrics["validation"]["all"]),
        "",
        *_of_teacher(metrics["validation"].get("teacher")),
    ]


def _of_teacher(found: Mapping[str, Any] | None) -> list[str]:
    """Show the teachers' own figures, where there were any."""
    if not found:
        return []
    return [
        "The teachers of these networks, each trained on the same half as its student, on the same "
        "events:",
        "",
        "| signal | efficiency at 310 kHz | at 100 kHz |",
        "|---|---|---|",
        *_rows(found),
        "",
    ]


def _shares(files: Mapping[str, float]) -> str:
    return ", ".join(f"`{name}` ({share:g})" for name, share in files.items())


def _ht(config: CorrelatorConfig) -> str:
    """Name the efficiency of HT, with its factor and the signals' shares."""
    if not config.loss.ht:
        return ""
    return f", the efficiency of HT (factor {config.loss.ht:g}) for {_shares(config.data.ht)}"


def _target(config: CorrelatorConfig) -> str:
    """Name what single weights are compared with, and the teacher."""
    own = config.teacher
    if not own.given:
        return "the true share"
    if own.artefact:
        teacher = f"`{Path(own.artefact).name}`"
    else:
        sizes = (len(own.inputs or config.inputs), *own.hidden, 1)
        teacher = (
            f"a teacher, the mean of {own.members} float networks of "
            f"{'-'.join(str(x) for x in sizes)} trained for the truth on the same events"
        )
    if config.loss.target == "both":
        return f"the mean of the true share and the weight of {teacher}"
    return f"the weight of {teacher}"


def _held(loss: RateLossConfig) -> str:
    """Name what holds signals to a measurement, with its factors."""
    terms = {
        "the MET response": loss.response,
        "the sums by region": loss.regions,
        f"the candidates beyond {loss.listed}": loss.crowding,
    }
    named = [f"{name} (factor {factor:g})" for name, factor in terms.items() if factor]
    return f"; of signals {', '.join(named)}" if named else ""


def _tracks(config: CorrelatorConfig) -> str:
    """Tell which tracks are weighed, where that is not the usual."""
    return "Tracks that LinPUPPI drops are weighed as well. " if config.tracks == "every" else ""


def _windows(config: CorrelatorConfig) -> str:
    """Tell what clusters are made of, where that is not the usual."""
    of = zip(("barrel", "HGCal", "HF"), config.windows, strict=True)
    own = [f"{window} in {where}" for where, window in of if window != "3x3"]
    return f"Clusters are 3x3 but for {', '.join(own)}. " if own else ""


def _more(data: CorrelatorData) -> str:
    """Tell where further soft crossings come from."""
    found = ""
    if data.recombined:
        found += (
            f", those of multijets {data.recombined} times more, with the opposite side of "
            "another one"
        )
    if data.reuse_pileup:
        found += ", also those that are left of the other events without their hard collisions"
    if data.mixed:
        found += (
            f"; in the loss {data.mixed} crossings more stand beside each soft one, of its tracker "
            "and another one's forward calorimeter"
        )
    return found


def _means(training: Mapping[str, Any]) -> str:
    found = f"{100 * training['float']['mean']:.1f}%"
    if "teacher" in training:
        found += f", teacher {100 * training['teacher']['mean']:.1f}%"
    return found


def card(config: CorrelatorConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card, Markdown."""
    data, hidden = config.data, "-".join(str(x) for x in (len(config.inputs), *config.hidden, 1))
    lines = [
        f"# {config.name}-v{config.version}",
        "",
        "Weighs every candidate (track or cluster) in the regions of the Level-1 correlator, from "
        f"integers that firmware forms there: {hidden}, mixed precision, {metrics['ebops']} "
        "effective bit operations. Use it with "
        f'`l1kd.algorithms.Correlator("{config.name}-v{config.version}")`.',
        "",
        "## Training",
        "",
        f"Zero bias: `{data.soft}` and {', '.join(f'`{x}`' for x in data.hard)}, with their rates; "
        f"soft collisions at other pile-up: {', '.join(f'`{x}`' for x in data.pileup) or 'none'}; "
        "signals (share in the loss): "
        f"{_shares(data.signals)}; signals made by hiding one side of hard collisions: "
        f"{_shares(data.invisible) or 'none'}; {data.forward_pairs} pairs of forward jets made of "
        f"such sides ({data.forward_share:g}). "
        f"Hard parts are put on {data.overlays} other crossings each, within their half of the "
        f"data{_more(data)}. The vertex is the one that the trigger finds. {_windows(config)}"
        f"{_tracks(config)}"
        f"LinPUPPI, whose weight and sum are inputs, has its {config.linpuppi} parameters "
        f"({', '.join(f'dz {cut:g} cm in {board}' for board, cut in config.dz.items())}).",
        "",
        "The loss is the efficiency of MET at "
        f"{', '.join(f'{x:g}' for x in config.loss.rates)} kHz, by a soft threshold "
        f"of width {config.loss.width:g}, the "
        f"error of single weights against {_target(config)}{_ht(config)}{_held(config.loss)} "
        "(`l1kd.models.correlator.rate_loss`).",
        "",
        *_validation(metrics),
        "On the events of the training itself, in integers: "
        f"{100 * metrics['training']['integers']['mean']:.1f}% "
        f"(float {_means(metrics['training'])}).",
        "",
        "## Exactness",
        "",
        f"{metrics['export']['vectors']} candidates through the compiled C++ of hls4ml: "
        f"{metrics['export']['mismatches_firmware_emulator']} differ from the integer network.",
        "",
    ]
    return "\n".join(lines)
