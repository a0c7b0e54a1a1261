"""The project's only preprocessing: shrinks a frame to the size of the encoder's input.

Training and play both use this function, so they see the same pixels. The network itself scales
them to [0, 1] in its first operation, so that no caller can do it differently.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agent.world_model.packed_model import ModelSpec


def preprocess(frame: NDArray[np.uint8], spec: ModelSpec) -> NDArray[np.uint8]:
    """Shrink a frame to the encoder's input.

    Args:
        frame: uint8 (height, width, 3) RGB, of any size.
        spec: gives frame_size S and the interpolation. "nearest" equals OpenCV's INTER_NEAREST
            bit for bit. "area" is the mean over the area of each small pixel, so that small things
            such as shots and rings remain visible (see benchmarks/figures/frame_sizes.py).

    Returns:
        uint8 (S, S, 3) RGB, not inverted, contiguous; a copy that the caller may keep.
    """
    assert frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8, (
        f"a frame of {frame.dtype} {frame.shape}"
    )
    size = spec.frame_size
    if spec.interpolation == "nearest":
        values = frame.reshape(-1).take(_samples(frame.shape[0], frame.shape[1], size))
        return values.reshape(size, size, 3)
    if frame.shape[:2] == (7 * size // 2, 5 * size):
        return _shrink_by_7_2_and_5(frame, size)
    return _shrink_by_area(frame, size)


@lru_cache(maxsize=16)
def _samples(height: int, width: int, size: int) -> NDArray[np.int64]:
    """Return the position in the flat frame of each value of the small one, (S * S * 3,).

    A single gather on the flat frame takes a tenth of the time of indexing by row and column.
    """
    pixels = _nearest(height, size)[:, None] * width + _nearest(width, size)
    samples: NDArray[np.int64] = (pixels[..., None] * 3 + np.arange(3)).reshape(-1)
    return samples


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    """Return the source row (or column) that INTER_NEAREST takes for each target row, (target,)."""
    scale = 1.0 / (target / source)  # in this order, because OpenCV rounds twice as well
    positions = np.floor(np.arange(target) * scale).astype(np.int64)
    clipped: NDArray[np.int64] = np.minimum(positions, source - 1)
    return clipped


def _shrink_by_7_2_and_5(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Average 3.5 x 5 pixels, as 224 x 320 -> 64 x 64 needs, in integers and with one rounding.

    Seven rows become two: the first sums rows 0, 1, 2 twice and row 3 once; the second sums row 3
    once and rows 4, 5, 6 twice. Slices of step 4 and 2 compute both together.
    """
    rows = frame.reshape(size // 2, 7, -1)
    sums = np.add(rows[:, 0:5:4], rows[:, 1:6:4], dtype=np.uint16)  # (S / 2, 2, width * 3)
    sums += rows[:, 2:7:4]
    sums += sums
    sums += rows[:, 3:4]
    flat = sums.reshape(-1)
    # Sums over five neighbours at every position cost less than gathering the five first.
    runs = flat[:-12] + flat[3:-9]
    runs += flat[6:-6]
    runs += flat[9:-3]
    runs += flat[12:]
    chosen = runs.take(_every_fifth_pixel(size * size))
    chosen += 17  # half of 35, the sum of the weights; as it is odd, there are no ties
    chosen //= 35
    return chosen.astype(np.uint8).reshape(size, size, 3)


@lru_cache(maxsize=4)
def _every_fifth_pixel(n_pixels: int) -> NDArray[np.int64]:
    positions: NDArray[np.int64] = (np.arange(n_pixels)[:, None] * 15 + np.arange(3)).reshape(-1)
    return positions


def _shrink_by_area(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Average the area of each small pixel, for frames of any other size, with one rounding.

    Everything is an integer: an edge of a small pixel divides a pixel of the frame into S parts at
    most. A matrix product would need numpy's BLAS, whose threads wait for each other so long that
    it takes five times as long as with one thread.
    """
    height, width, _ = frame.shape
    area = np.uint32(height * width)
    sums = _sums(_sums(frame, size, axis=0), size, axis=1)
    sums += area // 2
    sums //= area
    return sums.astype(np.uint8)


def _sums(values: NDArray[np.unsignedinteger], size: int, axis: int) -> NDArray[np.uint32]:
    """Add up the values along an axis to S sums, each weighted by the S-th parts that it covers.

    uint32 holds every sum of a frame below 16 MB, which is the largest that a server may send.
    """
    source = values.shape[axis]
    assert source >= size, f"{source} pixels can't be shrunk to {size}"
    first, parts = np.divmod(np.arange(size + 1) * source, size)  # of each edge of a small pixel
    sums = np.add.reduceat(values, first[:-1], axis=axis, dtype=np.uint32) * np.uint32(size)
    weights = np.expand_dims(parts.astype(np.uint32), tuple({0, 1, 2} - {axis}))
    beyond = values.take(np.minimum(first, source - 1), axis) * weights
    sums += beyond.take(np.arange(1, size + 1), axis)
    sums -= beyond.take(np.arange(size), axis)
    result: NDArray[np.uint32] = sums
    return result
