"""The device, the threads and the precision that a model is computed with."""

import os
from typing import Literal

import torch

from tto.errors import TTOError, one_line, shown


def device_named(name: str) -> str:
    """Return `name`, or for "auto" "cuda" if a CUDA device is available, else "cpu".

    Raises:
        TTOError: `name` is "cuda" but no CUDA device is available.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise TTOError("device: expected a CUDA device, found none; set device to auto or cpu")
    return ("cuda" if available else "cpu") if name == "auto" else name


def check_device(name: str) -> None:
    """Raise a `TTOError` unless PyTorch can compute on the device `name`, such as "cuda:1"."""
    try:
        torch.zeros(1, device=torch.device(name)).item()  # the device "meta" holds no numbers
    except (RuntimeError, TypeError, AssertionError, ValueError, OverflowError) as error:
        raise TTOError(
            f"device: expected cpu, cuda or another device of PyTorch, got {shown(name)} "
            f"({one_line(error, most=80)})"
        ) from error


def precision_named(name: str, device: str) -> Literal["float32", "bfloat16"]:
    """Return `name`, or for "auto" bfloat16 if `device` multiplies it faster than float32."""
    if name != "auto":
        return "bfloat16" if name == "bfloat16" else "float32"
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    fast = torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if fast else "float32"


def checked_threads(threads: int | None) -> int:
    """Return a number of processor threads; for None as many as PyTorch uses.

    Raises:
        TTOError: it is no whole number from 1 to the number of this machine's cores.
    """
    cores = os.cpu_count() or 1
    if threads is None:
        return min(torch.get_num_threads(), cores)
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= cores:
        raise TTOError(
            f"threads: expected a whole number from 1 to {cores}, this machine's cores, got "
            f"{threads!r:.80}"
        )
    return threads
