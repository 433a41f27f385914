"""Elementary functions in float64 from correctly rounded operations only (formats/arithmetic.md, section 4).

Each function is a fixed sequence of IEEE-754 additions, multiplications, divisions, square roots and
exponent shifts, so it gives the same 64 bits everywhere; libm's functions do not.
"""

import numpy as np

from mdlcodec.compiled import njit

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # the upper 32 bits of ln 2: k * LN2_HIGH is exact for |k| < 2^20
LN2_LOW = 1.9082149292705877e-10
ROUNDING = 6755399441055744.0  # 1.5 * 2^52: adding and subtracting it rounds |x| < 2^51 half to even

# 1/k! for k = 0..13, each correctly rounded by the decimal literal
EXP_COEFFICIENTS = (
    1.0,
    1.0,
    0.5,
    0.16666666666666666,
    0.041666666666666664,
    0.008333333333333333,
    0.001388888888888889,
    0.0001984126984126984,
    2.48015873015873e-05,
    2.7557319223985893e-06,
    2.755731922398589e-07,
    2.505210838544172e-08,
    2.08767569878681e-09,
    1.6059043836821613e-10,
)


@njit(cache=True, inline="always")
def power_of_two(exponent: int) -> float:
    """2^exponent as float64 for -1022 <= exponent <= 1023."""
    return np.int64((exponent + 1023) << 52).view(np.float64)


@njit(cache=True, nogil=True, inline="always")
def _above_one(r: float) -> float:
    """(e^r - 1) / r by its series, each term in turn: a loop over it would not vectorise."""
    s = EXP_COEFFICIENTS[13]
    s = s * r + EXP_COEFFICIENTS[12]
    s = s * r + EXP_COEFFICIENTS[11]
    s = s * r + EXP_COEFFICIENTS[10]
    s = s * r + EXP_COEFFICIENTS[9]
    s = s * r + EXP_COEFFICIENTS[8]
    s = s * r + EXP_COEFFICIENTS[7]
    s = s * r + EXP_COEFFICIENTS[6]
    s = s * r + EXP_COEFFICIENTS[5]
    s = s * r + EXP_COEFFICIENTS[4]
    s = s * r + EXP_COEFFICIENTS[3]
    s = s * r + EXP_COEFFICIENTS[2]
    return s * r + EXP_COEFFICIENTS[1]


@njit(cache=True)
def exp(x: float) -> float:
    """e^x for float64 x; 0 below -708, clamped at e^709 above, NaN for NaN. Relative error below 2^-51."""
    if x != x:
        return x
    if x <= -708.0:
        return 0.0
    if x > 709.0:
        x = 709.0
    k = (x * LOG2_E + ROUNDING) - ROUNDING
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    s = _above_one(r) * r + EXP_COEFFICIENTS[0]
    # k lies in -1021..1023, so that 2^k is a normal number
    return s * power_of_two(np.int64(k))


@njit(cache=True)
def log(x: float) -> float:
    """Natural logarithm of a positive normal float64. Error below 2^-51 times max(|log x|, 2^-1) or so.

    The mantissa is brought into [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)).
    """
    bits = np.float64(x).view(np.int64)
    k = ((bits >> 52) & 2047) - 1023
    m = np.int64((bits & 4503599627370495) | (1023 << 52)).view(np.float64)
    if m > 1.4142135623730951:
        m = m * 0.5
        k = k + 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 1.0 / 23.0
    for denominator in (21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        p = p * z + 1.0 / denominator
    tail = s * (z * p)
    return np.float64(k) * LN2_HIGH + (np.float64(k) * LN2_LOW + (2.0 * s + 2.0 * tail))


@njit(cache=True, nogil=True, inline="always")
def tanh(x: float) -> float:
    """Hyperbolic tangent of float64 x. Relative error below 2^-50.

    Both formulas and a choice, so that loops over it vectorise.
    """
    a = abs(x)
    a = 20.0 if a > 20.0 else a  # from there on, the result is 1
    t = exp(-2.0 * a)
    large = (1.0 - t) / (1.0 + t)
    r = 2.0 * a
    s = _above_one(r) * r  # e^r - 1: no cancellation
    y = large if a > 0.17 else s / (s + 2.0)
    return -y if x < 0.0 else y


@njit(cache=True)
def _ratio(r: float, top: tuple[float, ...], bottom: tuple[float, ...]) -> float:
    a = top[7]
    b = bottom[7]
    for i in range(6, -1, -1):
        a = a * r + top[i]
        b = b * r + bottom[i]
    return a / b


# Wichura (1988), algorithm AS 241, PPND16: coefficients as published, lowest power first
_CENTRE_TOP = (
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
)
_CENTRE_BOTTOM = (
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
)
_MIDDLE_TOP = (
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
)
_MIDDLE_BOTTOM = (
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)
_TAIL_TOP = (
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
)
_TAIL_BOTTOM = (
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)


@njit(cache=True)
def normal_quantile(p: float) -> float:
    """The x with Phi(x) = p, for float64 p in (0, 1). Relative error about 1e-15 (Wichura 1988, AS 241)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(0.180625 - q * q, _CENTRE_TOP, _CENTRE_BOTTOM)
    tail = p if q < 0.0 else 1.0 - p
    r = np.sqrt(-log(tail))
    if r <= 5.0:
        x = _ratio(r - 1.6, _MIDDLE_TOP, _MIDDLE_BOTTOM)
    else:
        x = _ratio(r - 5.0, _TAIL_TOP, _TAIL_BOTTOM)
    return -x if q < 0.0 else x
