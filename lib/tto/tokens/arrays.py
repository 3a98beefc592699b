"""Arrays that come from a caller: their kind, shape and values are checked once, by name."""

from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from tto.errors import TTOError, one_line

Shape = tuple[int | str, ...]  # sizes, and letters for those that may have any value


def real_array(value: Any, name: str, shape: Shape) -> Float[np.ndarray, "..."]:
    """A caller's argument as float64.

    Args:
        value: an array, or nested sequences of numbers.
        name: name of the argument, for errors.
        shape: expected shape; a letter stands for any size, and equal letters for equal sizes.

    Raises:
        TTOError: the argument holds no real numbers, has another shape, is NaN or infinite, or has
            masked numbers.
    """
    if np.ma.is_masked(value):
        raise TTOError(f"{name}: expected all numbers, got an array with masked ones; fill them")
    array = _array(value, name)
    if array.dtype.kind not in "fiub":
        raise TTOError(f"{name}: expected real numbers, got an array of {array.dtype}")
    _check_shape(array, name, shape)
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise TTOError(f"{name}: expected finite numbers, got NaN or infinity")
    return array


def token_array(value: Any, name: str, shape: Shape, *, below: int) -> Integer[np.ndarray, "..."]:
    """A caller's tokens as int64.

    Raises:
        TTOError: the argument holds no integers, has another shape, or a token is not in
            0..below-1.
    """
    array = _array(value, name)
    if array.dtype.kind not in "iu":
        raise TTOError(f"{name}: expected integers, got an array of {array.dtype}")
    _check_shape(array, name, shape)
    if array.size and (array.min() < 0 or array.max() >= below):
        raise TTOError(
            f"{name}: expected tokens of 0..{below - 1}, got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)


def mask_array(value: Any, name: str, shape: Shape) -> np.ndarray:
    """A caller's mask.

    Raises:
        TTOError: the argument holds anything but True and False, or has another shape.
    """
    array = _array(value, name)
    if array.dtype != np.bool_:
        raise TTOError(f"{name}: expected True or False, got an array of {array.dtype}")
    _check_shape(array, name, shape)
    return array


def _array(value: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(value)
    except Exception as error:  # objects of other libraries may fail in any way
        raise TTOError(
            f"{name}: expected an array, got {type(value).__name__} ({one_line(error, most=80)})"
        ) from error


def _check_shape(array: np.ndarray, name: str, shape: Shape) -> None:
    sizes: dict[str, int] = {}
    fits = array.ndim == len(shape) and all(
        size == (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted)
        for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise TTOError(f"{name}: expected shape ({wanted}), got {array.shape}")
