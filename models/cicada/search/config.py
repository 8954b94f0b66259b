"""What is scanned: families of students, and prices of their bits."""

from typing import Literal

from pydantic import Field

from l1kd.models.cicada.config import HgqShape, StudentConfig
from l1kd.models.config import Optimisation

__all__ = ["CicadaSearchConfig"]


class CicadaSearchConfig(StudentConfig):
    """A scan of beta, the price of an effective bit operation, for each family of students.

    A family is trained at the first of `betas` (`first`) and goes on at each of the others
    (`next`): every price begins from the network of the one before. Networks are judged on
    `validation_images` of zero bias, and at most as many of each signal, at each of
    `validation_mu`. `bits_pace` is a factor on the pace of bit widths, which a short training would
    not move otherwise.
    """

    kind: Literal["cicada_search"]
    families: dict[str, HgqShape] = Field(min_length=1)
    betas: tuple[float, ...] = Field(min_length=1)
    validation_mu: tuple[float, ...] = (60.0, 140.0)
    bits_pace: float = Field(default=20.0, gt=0)
    first: Optimisation
    next: Optimisation
