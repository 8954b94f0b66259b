"""Numbers and tables as the records of `summary.json` hold them."""

from pydantic import BaseModel, ConfigDict

from l1kd.statistics import Estimate

__all__ = ["BinTable", "Number", "Table", "gain"]


class Number(BaseModel):
    """A measured number, its interval and the size of the sample behind it."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")

    value: float | None
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, estimate: Estimate) -> "Number":
        """Take the number of an estimate; what is not finite becomes null."""
        return cls.model_validate(estimate.as_dict())


Table = dict[str, dict[str, Number]]
"""{weighting: {quantity: number}}."""


class BinTable(BaseModel):
    """A table for one bin; `high` is null for an open bin."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")

    low: float
    high: float | None
    table: Table


def gain(ratio: Number | None) -> Number | None:
    """Gain, one minus the ratio to the reference; the interval turns round."""
    if ratio is None or ratio.value is None:
        return None
    ends = {"value": ratio.value, "low": ratio.high, "high": ratio.low}
    return Number(n=ratio.n, **{key: None if x is None else 1.0 - x for key, x in ends.items()})
