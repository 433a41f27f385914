"""Warps of images (formats/prequential.md, "Augmentation")."""

import numpy as np

f32 = np.float32


class Warp:
    """Augmentation; limits of rotation, scales, shear; shifts and elastic displacements."""

    def __init__(self, limits, shift, varied=False):
        self.limits, self.shift, self.varied = limits, shift, varied

    def __call__(self, images, stream):
        """Warped images, float32 (n, h, w, c), by words and normals of a stream."""
        n, h, w, c = images.shape
        count = 7 if self.varied else 6
        unit = stream.signed_units(n * count).reshape(n, count)
        grids, bend = stream.normals(n * 32).reshape(n, 2, 4, 4).astype(np.float64), np.full(n, self.shift)
        limits = np.array([*self.limits, self.shift, self.shift])
        if self.varied:
            strength = np.abs(unit[:, 6])
            numbers = (limits[None] * strength[:, None]) * unit[:, :6]
            bend = bend * strength
        else:
            numbers = unit[:, :6] * limits
        a, scale_x, scale_y, shear, shift_x, shift_y = (v[:, None, None] for v in numbers.T)
        cos, sin, sx, sy = 1.0 - a * a * 0.5, a, 1.0 + scale_x, 1.0 + scale_y
        mx, my = (w - 1) / 2.0, (h - 1) / 2.0
        row, column = np.arange(h, dtype=np.float64), np.arange(w, dtype=np.float64)
        u, v = (column - mx)[None, None, :], (row - my)[None, :, None]
        x = (sx * cos) * u + (shear - sin * sx) * v + (mx + shift_x)
        y = (sin * sy) * u + (sy * cos) * v + (my + shift_y)
        gy, gx = row * (3.0 / max(1, h - 1)), column * (3.0 / max(1, w - 1))
        x, y = (
            x + bend[:, None, None] * self.grid(grids[:, 0], gy, gx),
            y + bend[:, None, None] * self.grid(grids[:, 1], gy, gx),
        )
        x0, y0 = np.floor(x), np.floor(y)
        fx, fy = x - x0, y - y0
        x0, y0 = x0.astype(np.int64), y0.astype(np.int64)
        out, of = np.zeros((n, h, w, c)), np.arange(n)[:, None, None]
        for dy, dx, weight in (
            (0, 0, (1.0 - fy) * (1.0 - fx)),
            (0, 1, (1.0 - fy) * fx),
            (1, 0, fy * (1.0 - fx)),
            (1, 1, fy * fx),
        ):
            yy, xx = y0 + dy, x0 + dx
            inside = (yy >= 0) & (yy < h) & (xx >= 0) & (xx < w)
            value = images[of, np.clip(yy, 0, h - 1), np.clip(xx, 0, w - 1)].astype(np.float64)
            out = np.where(inside[..., None], out + value * weight[..., None], out)
        return out.astype(f32)

    @staticmethod
    def grid(g, gy, gx):
        """(n, 4, 4) at rows gy and columns gx; upper and lower sides first."""
        y0, x0 = np.minimum(gy.astype(np.int64), 2), np.minimum(gx.astype(np.int64), 2)
        fy, fx = (gy - y0)[None, :, None], (gx - x0)[None, None, :]
        ul, ur = g[:, y0][:, :, x0], g[:, y0][:, :, x0 + 1]
        ll, lr = g[:, y0 + 1][:, :, x0], g[:, y0 + 1][:, :, x0 + 1]
        upper, lower = ul * (1.0 - fx) + ur * fx, ll * (1.0 - fx) + lr * fx
        return upper * (1.0 - fy) + lower * fy
