"""Where a model computes."""

import torch

from tto.errors import TTOError


def device_named(name: str) -> str:
    """`"cpu"`, `"cuda"`, or for `"auto"` the latter where there is one.

    Raises:
        TTOError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise TTOError("device: expected a CUDA device, found none; set device to auto or cpu")
    return ("cuda" if available else "cpu") if name == "auto" else name
