"""Warps of images in training: how far they move, that they differ."""

import numpy as np

from mdlcodec.exact.random import Stream
from mdlcodec.predictors.warps import Warp, warped


def test_no_warp_is_the_image():
    images = Stream(0, 1).normals((4, 7, 9, 2))
    rows = np.array([3, 0, 0])
    assert (warped(images, rows, Warp(0, 0, 0, 0, 0), Stream(0, 2)) == images[rows]).all()


def test_warps_move_little_and_differ():
    images = np.zeros((1, 21, 21, 1), np.float32)
    images[0, 8:13, 8:13] = 1
    out = warped(images, np.zeros(50, np.int64), Warp(0.2, 0.12, 0.15, 1.0, 1.0), Stream(0, 2))
    assert 0.8 < float(out.mean() / images.mean()) < 1.25
    assert len({image.tobytes() for image in out}) == 50
    assert float(out[:, 10, 10].min()) > 0.5


def test_a_shift_moves_by_its_pixels():
    images = np.zeros((1, 9, 9, 1), np.float32)
    images[0, 4, 4] = 1
    out = warped(images, np.zeros(200, np.int64), Warp(0, 0, 0, 2.0, 0), Stream(0, 2))[..., 0]
    y = (out.sum(2) * np.arange(9)).sum(1)
    assert np.abs(y - 4).max() <= 2.0 + 1e-5
    assert np.abs(y - 4).max() > 1.5


def test_varied_warps_are_weaker():
    images = np.zeros((1, 21, 21, 1), np.float32)
    images[0, 8:13, 3:6] = 1
    rows = np.zeros(300, np.int64)
    full = warped(images, rows, Warp(0, 0, 0, 3.0, 0), Stream(0, 2))
    varied = warped(images, rows, Warp(0, 0, 0, 3.0, 0, varied=True), Stream(0, 2))
    moved = [np.abs(out - images[0]).sum((1, 2, 3)).mean() for out in (full, varied)]
    assert 0.3 * moved[0] < moved[1] < 0.8 * moved[0]
