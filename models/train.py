"""The one entry point of all trainings, for the command line."""

from pathlib import Path

from l1kd.artefacts import Artefact
from l1kd.errors import ConfigurationError

__all__ = ["NAMES", "train"]

NAMES = ("cicada", "cicada_hgq", "cicada_logic", "distillnet", "qdistillnet", "teacher")
"""What can be trained."""


def train(name: str, config_path: str | Path, out: str | Path, quiet: bool = False) -> Artefact:
    """Train a network and write its artefact; go on where an interrupted training stopped.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    config_path : str or pathlib.Path
        YAML file. Those that made the shipped artefacts are `l1kd.models.config.shipped_configs`.
    out : str or pathlib.Path
        Folder of the artefact, made if needed. Checkpoints lie in its folder `checkpoints`, which
        may be removed afterwards.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        The finished artefact.

    Raises
    ------
    ConfigurationError
        The name is unknown, the configuration is wrong, TensorFlow or QKeras is missing or
        damaged, or the folder holds checkpoints of another configuration.
    ArtefactError
        The exported network is not equal to the firmware.
    """
    if name not in NAMES:
        message = f"there is no training '{name}'; known are {', '.join(NAMES)}"
        raise ConfigurationError(message)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    # TensorFlow takes ten seconds to import: only the recipe that runs may ask for it
    if name == "cicada":
        from l1kd.models.cicada.train_qkeras import train_cicada

        return train_cicada(Path(config_path), folder, quiet)
    if name == "cicada_hgq":
        from l1kd.models.cicada.train_hgq import train_cicada_hgq

        return train_cicada_hgq(Path(config_path), folder, quiet)
    if name == "cicada_logic":
        from l1kd.models.cicada.train_logic import train_cicada_logic

        return train_cicada_logic(Path(config_path), folder, quiet)
    if name == "teacher":
        from l1kd.models.weights.train_teacher import train_teacher

        return train_teacher(Path(config_path), folder, quiet)
    if name == "distillnet":
        from l1kd.models.weights.train_distillnet import train_distillnet

        return train_distillnet(Path(config_path), folder, quiet)
    from l1kd.models.weights.train_qdistillnet import train_qdistillnet

    return train_qdistillnet(Path(config_path), folder, quiet)
