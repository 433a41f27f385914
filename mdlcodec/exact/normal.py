"""The normal distribution's tail in float64 from correctly rounded operations only (formats/reals.md)."""

import numpy as np

from mdlcodec.compiled import njit
from mdlcodec.exact.elementary import exp

# Cody (1969), "Rational Chebyshev approximations for the error function": coefficients as published
_SMALL_TOP = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_SMALL_BOTTOM = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
_MIDDLE_TOP = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_MIDDLE_BOTTOM = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
_FAR_TOP = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_FAR_BOTTOM = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)
_ROOT_HALF = 0.7071067811865476  # of 1 / 2
_ONE_OVER_ROOT_PI = 0.5641895835477563


@njit(cache=True)
def normal_tail(z: float) -> float:
    """Probability that a standard normal variable exceeds z >= 0: at most 1/2, 0 from about 37.6 on.

    Relative error below 1e-13 up to z = 30.
    """
    y = z * _ROOT_HALF
    if y <= 0.46875:
        square = y * y
        top, bottom = _SMALL_TOP[0], _SMALL_BOTTOM[0]
        for i in range(1, 5):
            top = top * square + _SMALL_TOP[i]
            bottom = bottom * square + _SMALL_BOTTOM[i]
        return 0.5 - 0.5 * (y * (top / bottom))
    if y > 27.0:
        return 0.0
    # e^(-y^2) of a y^2 in two parts: the first is exact, so that no rounding of it is multiplied by y
    coarse = np.floor(y * 16.0) / 16.0
    gaussian = exp(-(coarse * coarse)) * exp(-((y - coarse) * (y + coarse)))
    if y <= 4.0:
        top, bottom = _MIDDLE_TOP[0], _MIDDLE_BOTTOM[0]
        for i in range(1, 9):
            top = top * y + _MIDDLE_TOP[i]
            bottom = bottom * y + _MIDDLE_BOTTOM[i]
        return 0.5 * (gaussian * (top / bottom))
    square = 1.0 / (y * y)
    top, bottom = _FAR_TOP[0], _FAR_BOTTOM[0]
    for i in range(1, 6):
        top = top * square + _FAR_TOP[i]
        bottom = bottom * square + _FAR_BOTTOM[i]
    return 0.5 * (gaussian * ((_ONE_OVER_ROOT_PI - square * (top / bottom)) / y))
