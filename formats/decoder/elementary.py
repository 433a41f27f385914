"""Elementary functions of formats/arithmetic.md, section 4, and the normal tail of formats/reals.md."""

import math
from fractions import Fraction

import numpy as np

R = 6755399441055744.0

EXP = [float(Fraction(1, math.factorial(d))) for d in range(13, -1, -1)]

LOG = [float(Fraction(1, d)) for d in range(23, 2, -2)]

HIGH, LOW = 0.6931471803691238, 1.9082149292705877e-10


def exp(x):
    """exp(x) of one float."""
    x = float(x)
    if x != x:
        return x
    if x <= -708.0:
        return 0.0
    x = min(x, 709.0)
    k = (x * 1.4426950408889634 + R) - R
    r = (x - k * HIGH) - k * LOW
    y = EXP[0]
    for c in EXP[1:]:
        y = y * r + c
    return math.ldexp(y, int(k))


def log(x):
    """log(x) of one positive float."""
    m, k = math.frexp(float(x))
    m, k = m * 2.0, k - 1
    if m > 1.4142135623730951:
        m, k = m * 0.5, k + 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = LOG[0]
    for c in LOG[1:]:
        p = p * z + c
    return k * HIGH + (k * LOW + (2.0 * s + 2.0 * (s * (z * p))))


def _poly(c, r):
    y = c[-1]
    for v in c[-2::-1]:
        y = y * r + v
    return y


# Wichura 1988, PPND16, lowest coefficient first
A = [
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
]

B = [
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
]

C = [
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
]

D = [
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
]

E = [
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
]

F = [
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
]


def normal_quantile(p):
    """The quantile of the standard normal distribution, 0 < p < 1."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * (_poly(A, r) / _poly(B, r))
    r = math.sqrt(-log(p if q < 0.0 else 1.0 - p))
    x = _poly(C, r - 1.6) / _poly(D, r - 1.6) if r <= 5.0 else _poly(E, r - 5.0) / _poly(F, r - 5.0)
    return -x if q < 0.0 else x


def exps(x):
    """exp of each element, float64."""
    x = np.asarray(x, np.float64)
    t = np.minimum(x, 709.0)
    small = t <= -708.0
    t = np.where(small, 0.0, t)
    k = (t * 1.4426950408889634 + R) - R
    r = (t - k * HIGH) - k * LOW
    y = np.full(x.shape, EXP[0])
    for c in EXP[1:]:
        y = y * r + c
    return np.where(small, 0.0, np.ldexp(y, k.astype(np.int64)))


def logs(x):
    """log of each element, float64."""
    return np.array([log(v) for v in np.asarray(x, np.float64).ravel()]).reshape(np.shape(x))


def tanh(x):
    """tanh(x) of one float."""
    a = abs(x)
    if a > 20.0:
        y = 1.0
    elif a > 0.17:
        t = exp(-2.0 * a)
        y = (1.0 - t) / (1.0 + t)
    else:
        r = 2.0 * a
        s = EXP[0]
        for c in EXP[1:-1]:
            s = s * r + c
        s = s * r
        y = s / (s + 2.0)
    return -y if x < 0.0 else y


# Cody 1969, highest power first
SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
FAR = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)


def normal_tail(z):
    """Probability that a standard normal variable exceeds z >= 0 (formats/reals.md, section 4)."""

    def ratio(pair, r):
        return _poly(pair[0][::-1], r) / _poly(pair[1][::-1], r)

    y = z * 0.7071067811865476
    if y <= 0.46875:
        return 0.5 - 0.5 * (y * ratio(SMALL, y * y))
    if y > 27.0:
        return 0.0
    g = math.floor(16.0 * y) / 16.0
    e = exp(-(g * g)) * exp(-((y - g) * (y + g)))
    if y <= 4.0:
        return 0.5 * (e * ratio(MIDDLE, y))
    u = 1.0 / (y * y)
    return 0.5 * (e * ((0.5641895835477563 - u * ratio(FAR, u)) / y))
