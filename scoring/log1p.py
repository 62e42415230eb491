"""log(1 + x) as Java's StrictMath computes it, operation for operation: Sun's fdlibm, `s_log1p.c`.

Other libraries round the last bit otherwise, and Spark's `log1p` is this one. Magnitudes only: x is not below zero.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from .arrays import Floats

_LN2_HIGH: Final = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW: Final = float.fromhex("0x1.a39ef35793c76p-33")
# Of the series of log(1 + f) in s = f / (2 + f): Lp7 to Lp1.
_SERIES: Final = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip

# fdlibm compares the upper halves of doubles; these are the doubles at which those change.
_LEAST_SPLIT: Final = float.fromhex("0x1.a827ap-2")
_SQRT2: Final = float.fromhex("0x1.6a09ep0")
_NEAR_ONE: Final = float.fromhex("0x1.00001p0")
_NEAR_TWO: Final = float.fromhex("0x1.ffffdp0")


def signed_log1p(x: float) -> float:
    """Return log1p of the magnitude of ``x``, with its sign; NaN of NaN."""
    return -_log1p(-x) if x < 0 else _log1p(x)


def _log1p(x: float) -> float:
    if not x < math.inf:
        return x
    if x < 2.0**-29:
        return x if x < 2.0**-54 else x - x * x * 0.5
    if x < _LEAST_SPLIT:
        return _near_zero(x)
    u = 1.0 + x if x < 2.0**53 else x
    half, exponent = math.frexp(u)
    mantissa, k = 2.0 * half, exponent - 1
    c = 0.0
    if x < 2.0**53:
        c = (1.0 - (u - x) if k > 0 else x - (u - 1.0)) / u
    is_small = mantissa < _NEAR_ONE
    if mantissa >= _SQRT2:
        is_small = mantissa >= _NEAR_TWO
        mantissa, k = half, k + 1
    f = mantissa - 1.0
    low = k * _LN2_LOW + c
    if is_small:
        if f == 0.0:
            return k * _LN2_HIGH + (c + k * _LN2_LOW)
        r = 0.5 * f * f * (1.0 - 0.66666666666666666 * f)
        return k * _LN2_HIGH - ((r - low) - f)
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    return k * _LN2_HIGH - ((half_square - (s * (half_square + _series(s * s)) + low)) - f)


def _near_zero(f: float) -> float:
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    return f - (half_square - s * (half_square + _series(s * s)))


def _series(z: float) -> float:
    r = _SERIES[0]
    for coefficient in _SERIES[1:]:
        r = coefficient + z * r
    return z * r


def signed_log1ps(column: Floats) -> Floats:
    """Return the same of each number of ``column`` [n]."""
    x = np.abs(column)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        found = np.where(x < 2.0**-54, x, x - x * x * 0.5)
        found = np.where(x < 2.0**-29, found, _split(x))
        found = np.where((x >= 2.0**-29) & (x < _LEAST_SPLIT), _near_zeros(x), found)
        found = np.where(x < np.inf, found, x)
    return np.asarray(np.copysign(found, column), dtype=np.float64)


def _near_zeros(f: Floats) -> Floats:
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    return np.asarray(f - (half_square - s * (half_square + _many_series(s * s))))


def _split(x: Floats) -> Floats:
    u = np.where(x < 2.0**53, 1.0 + x, x)
    half, exponent = np.frexp(u)
    mantissa, k = 2.0 * half, (exponent - 1).astype(np.float64)
    c = np.where(x < 2.0**53, np.where(k > 0, 1.0 - (u - x), x - (u - 1.0)) / u, 0.0)
    is_large = mantissa >= _SQRT2
    is_small = np.where(is_large, mantissa >= _NEAR_TWO, mantissa < _NEAR_ONE)
    f = np.where(is_large, half, mantissa) - 1.0
    k = np.where(is_large, k + 1.0, k)
    low = k * _LN2_LOW + c
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    usual = k * _LN2_HIGH - ((half_square - (s * (half_square + _many_series(s * s)) + low)) - f)
    short = k * _LN2_HIGH - ((half_square * (1.0 - 0.66666666666666666 * f) - low) - f)
    exact = k * _LN2_HIGH + (c + k * _LN2_LOW)
    return np.asarray(np.where(is_small, np.where(f == 0.0, exact, short), usual))


def _many_series(z: Floats) -> Floats:
    r: Floats = np.full_like(z, _SERIES[0])
    for coefficient in _SERIES[1:]:
        r = coefficient + z * r
    return np.asarray(z * r)
