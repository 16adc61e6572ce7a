"""Faces drawn by arithmetic, so that no person's picture is in the repository."""

import numpy as np
from numpy.typing import NDArray


def drawn_face(curve: float, side: int = 64, *, teeth: bool = False) -> NDArray[np.uint8]:
    """A face of `side` pixels; `curve` from -1 (mouth corners down) over 0 to 1 (up)."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side * 2 - 1
    level = np.where((x / 0.78) ** 2 + (y / 0.98) ** 2 < 1, 190.0 - 40 * x**2, 70.0)
    for eye in (-0.36, 0.36):
        level[((x - eye) / 0.15) ** 2 + ((y + 0.22) / 0.07) ** 2 < 1] = 60
        level[((x - eye) / 0.2) ** 2 + ((y + 0.42) / 0.035) ** 2 < 1] = 90
    level[(np.abs(x) < 0.1) & (np.abs(y - 0.18) < 0.04)] = 130
    mouth = 0.5 + 0.16 * curve * (1 - 2 * (x / 0.42) ** 2)
    within = np.abs(x) < 0.42
    if teeth:
        lower = mouth + 0.02
        upper = 0.5 - 0.1 * curve + (lower - 0.5) * 0.2
        level[within & (y > upper) & (y < lower)] = 245
    level[within & (np.abs(y - mouth) < 0.05)] = 80
    return np.rint(level).astype(np.uint8)
