"""The single-precision arc tangent of the reference's mathematical library.

The MET emulator rounds an angle that glibc 2.36 computes in single precision. That function is not
the correctly rounded value in one of six arguments, which moves the trigger's azimuth by one step
in about five of a million events. The same reduction, polynomial
and order of operations are followed here, so that the result does not depend on the machine.
"""

from typing import Any

import numpy as np

from l1kd.emulators.compilation import njit

__all__ = ["atan2_single"]

F = np.float32

# upper limits of |tangent| for the reductions around 0, 1/2, 1, 3/2; infinity beyond
LIMITS = np.array([0.4375, 0.6875, 1.1875, 2.4375], dtype=F)
# arc tangents of 1/2, 1, 3/2 and infinity as sums of a large and a small number
HIGH = np.array([0x3EED6338, 0x3F490FDA, 0x3F7B985E, 0x3FC90FDA], dtype=np.uint32).view(F)
LOW = np.array([0x31AC3769, 0x33222168, 0x33140FB4, 0x33A22168], dtype=np.uint32).view(F)
# odd polynomial of the arc tangent on the reduced interval, from the third power on
SERIES = np.array(
    [
        3.3333334327e-01, -2.0000000298e-01, 1.4285714924e-01, -1.1111110449e-01,
        9.0908870101e-02, -7.6918758452e-02, 6.6610731184e-02, -5.8335702866e-02,
        4.9768779427e-02, -3.6531571299e-02, 1.6285819933e-02,
    ],
    dtype=F,
)  # fmt: skip
PI = F(np.pi)
PI_LOW = F(-8.7422776573e-08)
HALF_PI = F(np.pi / 2)


@njit(nogil=True)
def _atan(t: Any) -> Any:
    """Return the arc tangent of a positive single-precision number."""
    branch = 0
    for limit in LIMITS:
        branch += t >= limit
    x = t
    if branch == 1:
        x = (F(2) * t - F(1)) / (F(2) + t)
    elif branch == 2:
        x = (t - F(1)) / (t + F(1))
    elif branch == 3:
        x = (t - F(1.5)) / (F(1) + F(1.5) * t)
    elif branch == 4:
        x = F(-1) / t
    z = x * x
    w = z * z
    odd, even = SERIES[10], SERIES[9]
    for k in range(8, -1, -2):
        odd = SERIES[k] + w * odd
    for k in range(7, 0, -2):
        even = SERIES[k] + w * even
    correction = x * (z * odd + w * even)
    if branch == 0:
        return x - correction
    return HIGH[branch - 1] - ((correction - LOW[branch - 1]) - x)


@njit(nogil=True, error_model="numpy")
def atan2_single(y: Any, x: Any) -> Any:
    """Return the angle of (x, y) in single precision, as glibc 2.36 rounds it.

    Parameters
    ----------
    y, x : float32
        Components, finite, whose ratio is between 2^-29 and 2^34 in size or zero or infinite.

    Returns
    -------
    float32
        Angle in [-pi, pi]; 0 for the null vector.
    """
    if y == F(0):
        return PI if x < F(0) else F(0)
    if x == F(0):
        return HALF_PI if y > F(0) else -HALF_PI
    z = _atan(abs(y / x))
    if x < F(0):
        z = PI - (z - PI_LOW)
    return z if y > F(0) else -z
