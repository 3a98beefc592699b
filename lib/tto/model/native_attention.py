"""Causal attention in C++, for training on processors; the comments in attention.cpp say how.

It computes what torch's kernel does, in 0.4 to 0.7 of the time with AVX-512, and in 0.5 to 1.0 with
AVX2 (heads of 16 to 32 channels, 96 to 511 tokens; docs/benchmarks.md).

Letters: B batch, H heads, L tokens, K head size.
"""

import ctypes
import functools
import logging
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from tto.errors import TTOError
from tto.model.native_build import NativeUnavailable, best_target, native_library

LOGGER = logging.getLogger(__name__)
_SOURCE = Path(__file__).parent / "native_attention/attention.cpp"
_TYPES = (torch.float32, torch.bfloat16)


class _Sizes(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int32)
        for name in ("batch", "heads", "tokens", "channels", "bfloat16", "threads")
    )


class _View(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("batch", ctypes.c_int64),
        ("head", ctypes.c_int64),
        ("token", ctypes.c_int64),
    )


def fits(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether `native_attention` can compute queries, keys and values [B, H, L, K].

    True for tensors of one shape on the CPU, all float32 or all bfloat16, not empty, with heads of
    at most 128 channels (AVX-512) or 64 (AVX2), outside `torch.compile`. False without AVX2, or
    without a C++ compiler, which one warning says.
    """
    if q.device.type != "cpu" or q.dtype not in _TYPES or not q.dtype == k.dtype == v.dtype:
        return False
    if torch.compiler.is_compiling() or not q.numel() or not q.shape == k.shape == v.shape:
        return False
    library = _library()
    return library is not None and q.shape[-1] <= library.tto_most_channels()


@functools.cache
def _library(target: str | None = None) -> ctypes.CDLL | None:
    try:
        if target is None and best_target() == "generic":
            return None
        return native_library(_SOURCE, "tto_attention", target)
    except NativeUnavailable as error:
        LOGGER.warning("%s; training with PyTorch's slower attention", error)
        return None


def native_attention(
    q: Float[Tensor, "B H L K"],
    k: Float[Tensor, "B H L K"],
    v: Float[Tensor, "B H L K"],
    seen: Bool[Tensor, " L"] | None = None,
    *,
    target: str | None = None,
) -> Float[Tensor, "B H L K"]:
    """Causal attention softmax(q k^T / sqrt(K)) v; row i attends to the seen tokens of 0 to i.

    Sums are float32. It can be differentiated once. Call it only where `fits` is True, or with a
    target.

    Args:
        q: queries, float32 or bfloat16.
        k: keys, in the type of `q`.
        v: values, in the type of `q`.
        seen: True for each token that may be attended to; the first must be True. None means all.
        target: instruction set, one of `native_build.targets_here()`; by default the best.

    Returns:
        Weighted sums of the values, in the type of `q`.

    Raises:
        TTOError: a head has more channels than the library was compiled for.
        MemoryError: there is no memory for a head's rows.
    """
    if seen is None:
        seen = torch.ones(q.shape[2], dtype=torch.bool)
    return _Attention.apply(q, k, v, seen.contiguous(), target)  # type: ignore[no-any-return]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, seen: Tensor, target: str | None
    ) -> Tensor:
        q, k, v = (_rows(tensor) for tensor in (q, k, v))
        B, H, L, _ = q.shape
        out = _empty_like(q)
        normalisers = torch.empty(B, H, L)
        _run("tto_attention", target, [q, k, v, out], seen, normalisers)
        ctx.save_for_backward(q, k, v, out, seen, normalisers)
        ctx.target = target
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, seen, normalisers = ctx.saved_tensors
        B, H, L, K = q.shape
        # one tensor, as the layer before computes queries, keys and values together
        slopes = torch.empty(3, B, L, H, K, dtype=q.dtype).transpose(2, 3).unbind()
        tensors = [q, k, v, out, _rows(gradients[0]), *slopes]
        _run("tto_attention_gradients", ctx.target, tensors, seen, normalisers)
        return *slopes, None, None


def _rows(tensor: Tensor) -> Tensor:
    """Return the tensor with neighbouring channels."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _empty_like(q: Tensor) -> Tensor:
    """Make a tensor whose heads are neighbours, as the next layer reads them."""
    B, H, L, K = q.shape
    return torch.empty(B, L, H, K, dtype=q.dtype).transpose(1, 2)


def _run(
    function: str, target: str | None, tensors: list[Tensor], seen: Tensor, normalisers: Tensor
) -> None:
    B, H, L, K = tensors[0].shape
    sizes = _Sizes(B, H, L, K, tensors[0].dtype == torch.bfloat16, torch.get_num_threads())
    views = (_View * len(tensors))(*(_View(t.data_ptr(), *t.stride()[:3]) for t in tensors))
    mask, rows = (ctypes.c_void_p(tensor.data_ptr()) for tensor in (seen, normalisers))
    library = _library(target)
    assert library is not None
    if library.tto_most_channels() < K:
        most = library.tto_most_channels()
        raise TTOError(f"attention: expected heads of at most {most} channels, got {K}")
    if getattr(library, function)(ctypes.byref(sizes), mask, views, rows):
        raise MemoryError("native code: no memory for attention")
