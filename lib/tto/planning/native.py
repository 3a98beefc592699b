"""The engine in C++, for processors; comments in native/*.h explain how it works.

It copies the network's weights when it is made, so later changes of the network have no effect.

Letters: B episodes, N rows, L context tokens, S drawn tokens, V bins.
"""

import ctypes
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.model.device import checked_threads
from tto.model.native_build import native_library
from tto.model.transformer import TrajectoryTransformer
from tto.planning.draw import Drawn, DrawRule
from tto.planning.engine import check_length, check_logits, position_vectors

Precision = Literal["float32", "bfloat16"]
_SOURCE = Path(__file__).parent / "native/engine.cpp"


class _Sizes(ctypes.Structure):
    _names = (
        "layers heads width vocabulary outputs output_heads transition_dim block attend_values "
        "bfloat16 threads"
    )
    _fields_ = tuple((name, ctypes.c_int32) for name in _names.split())


class _DrawRule(ctypes.Structure):
    _fields_ = (
        ("top", ctypes.c_int32),
        ("mass", ctypes.c_float),
        ("temperature", ctypes.c_float),
        ("centers", ctypes.c_void_p),
    )


class NativeEngine:
    """Keeps keys and values in pages that sequences share, and computes equal sequences once."""

    def __init__(
        self,
        network: TrajectoryTransformer,
        *,
        precision: Precision = "float32",
        threads: int | None = None,
        target: str | None = None,
    ) -> None:
        """Compile the library unless that was done before, and pack the weights.

        Args:
            precision: precision of weights, keys, values and the numbers that are multiplied by
                them; sums are always float32. "bfloat16" is meant for processors with AVX512-BF16;
                on others it gives the same results slowly.
            threads: number of threads, at most the machine's cores; by default as many as PyTorch
                uses.
            target: instruction set, one of `native_build.TARGETS`; by default the processor's best.

        Raises:
            NativeUnavailable: the library cannot be compiled here.
            TTOError: the precision is unknown, the model has Gaussian outputs, or the machine has
                fewer cores than `threads`.
        """
        check_logits(network)
        threads = checked_threads(threads)
        if precision not in ("float32", "bfloat16"):
            raise TTOError(f"precision: expected float32 or bfloat16, got {precision!r}")
        self.network, self.config, self.precision = network, network.config, precision
        self._library = native_library(_SOURCE, "tto_create", target)
        self._library.tto_create.restype = ctypes.c_void_p
        arrays = _arrays(network)
        pointers = (ctypes.c_void_p * len(arrays))(*(array.data_ptr() for array in arrays))
        sizes = _sizes(network, precision, threads)
        handle = self._library.tto_create(ctypes.byref(sizes), pointers)
        if not handle:
            raise MemoryError("planning: no memory for the native engine")
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.tto_destroy, self._handle)
        self._rows = 0

    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        check_length(self.network, contexts.shape[1], length)
        contexts = self._checked(contexts, "tokens", self.config.vocabulary)
        B, L = contexts.shape
        self._rows, self._room = B, length
        self._call("start", _pointer(contexts), ctypes.c_int(B), ctypes.c_int(L))
        return self._logits()

    def select(self, parents: Int[Tensor, " N"]) -> None:
        parents = self._checked(parents, "rows", self._rows)
        self._call("select", _pointer(parents), ctypes.c_int(len(parents)))
        self._rows = len(parents)

    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        tokens = self._checked(tokens, "tokens", self.config.vocabulary)
        self._expect(tokens.shape == (self._rows,), "one token a row", tuple(tokens.shape))
        self._take(1)
        self._call("append", _pointer(tokens))
        return self._logits()

    def draw(self, rules: Sequence[DrawRule], uniforms: Float[Tensor, "N S"]) -> Drawn:
        N, S = self._rows, len(rules)
        self._expect(uniforms.shape == (N, S), f"{N, S} uniforms", tuple(uniforms.shape))
        self._take(S - 1)
        uniforms = uniforms.t().to("cpu", torch.float32).contiguous()
        tokens = torch.empty(S, N, dtype=torch.int64)
        log_probs, expected = torch.empty(2, S, N)
        centers = [
            None if rule.centers is None else rule.centers.to("cpu", torch.float32).contiguous()
            for rule in rules
        ]
        native = (_DrawRule * S)(
            *(
                _DrawRule(
                    rule.top, rule.mass, rule.temperature, None if c is None else c.data_ptr()
                )
                for rule, c in zip(rules, centers, strict=True)
            )
        )
        outputs = [_pointer(array) for array in (tokens, log_probs, expected)]
        self._call("draw", native, ctypes.c_int(S), _pointer(uniforms), *outputs)
        return Drawn(tokens.t(), log_probs.t(), expected.t())

    def counts(self) -> dict[str, int]:
        """Bytes of all pages, number of distinct sequences, and number of rows computed so far."""
        values = (ctypes.c_int64 * 3)()
        self._library.tto_counts(self._handle, values)
        return dict(zip(("page_bytes", "sequences", "rows"), values, strict=True))

    def _logits(self) -> Float[Tensor, "N V"]:
        logits = torch.empty(self._rows, self.config.vocabulary)
        self._library.tto_logits(self._handle, _pointer(logits))
        return logits

    def going_on(self) -> Float[Tensor, " N"]:
        probabilities = torch.empty(self._rows)
        self._library.tto_going_on(self._handle, _pointer(probabilities))
        return probabilities

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, f"tto_{name}")(self._handle, *arguments):
            raise MemoryError(f"planning: no memory to {name} {self._rows} sequences")

    def _take(self, tokens: int) -> None:
        self._expect(tokens <= self._room, f"at most {self._room} more tokens", tokens)
        self._room -= tokens

    def _checked(self, values: Int[Tensor, "..."], what: str, limit: int) -> Int[Tensor, "..."]:
        values = values.to("cpu", torch.int64).contiguous()
        low, high = (int(bound) for bound in values.aminmax())
        self._expect(low >= 0 and high < limit, f"{what} in 0..{limit - 1}", (low, high))
        return values

    @staticmethod
    def _expect(condition: bool, expected: str, came: object) -> None:
        if not condition:
            raise TTOError(f"native engine: expected {expected}, got {came}")


def _sizes(network: TrajectoryTransformer, precision: Precision, threads: int) -> _Sizes:
    config = network.config
    output_heads, outputs, _ = network.output.shape
    return _Sizes(
        layers=config.layers,
        heads=config.heads,
        width=config.width,
        vocabulary=config.vocabulary,
        outputs=outputs,  # one more than the vocabulary with a stop token
        output_heads=output_heads,
        transition_dim=config.transition_dim,
        block=config.block_size,
        attend_values=config.attend_values,
        bfloat16=precision == "bfloat16",
        threads=threads,
    )


def _arrays(network: TrajectoryTransformer) -> list[Float[Tensor, "..."]]:
    """The weights in the order that native/model.h expects."""
    arrays: list[Tensor] = [network.token_embedding.weight, position_vectors(network)]
    for block in network.blocks:
        for part in ("attention_norm", "attention_in", "attention_out"):
            arrays += [getattr(block, part).weight, getattr(block, part).bias]
        for part in ("mlp_norm", "mlp_in", "mlp_out"):
            arrays += [getattr(block, part).weight, getattr(block, part).bias]
    arrays += [network.output_norm.weight, network.output_norm.bias, network.output]
    return [array.detach().to("cpu", torch.float32).contiguous() for array in arrays]


def _pointer(array: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.data_ptr())
