"""An engine with fixed shapes: on CUDA devices each of its steps is a CUDA graph that is replayed.

A token then costs two launches instead of about a hundred: one to draw it and one for the pass
through the network. CUDA graphs require that every tensor keeps its address and shape. So the
buffers hold keys and values of whole blocks, rows are padded to a power of two, and the position
and the number of the draw are tensors. Attention spans a multiple of `SPAN` tokens and is masked by
the position, so there is one graph for each number of rows and each span. Tokens that no later one
attends to (hidden rewards-to-go) take no place in a span. On other devices the same steps run one
operation at a time.

Letters: B episodes, N rows, R rows with padding, L tokens, S drawn tokens, V bins, H heads, K head
size.
"""

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import (
    TrajectoryTransformer,
    attended,
    attended_count,
    attention_mask,
)
from tto.planning.draw import Drawn, DrawRule, draw_token
from tto.planning.engine import check_length, check_logits, position_vectors

SPAN = 64


class StaticEngine:
    """Keeps keys and values in one buffer; no shape changes from token to token."""

    def __init__(
        self,
        network: TrajectoryTransformer,
        *,
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        """Prepare lookup tables for positions; buffers are made once the number of rows is known.

        Args:
            precision: "bfloat16" applies to all computations but logits and draws. It uses a copy
                of the network, which later changes of the network do not reach.

        Raises:
            TTOError: the precision is unknown, or the model has Gaussian outputs.
        """
        check_logits(network)
        if precision not in ("float32", "bfloat16"):
            raise TTOError(f"precision: expected float32 or bfloat16, got {precision!r}")
        self._dtype = getattr(torch, precision)
        self.network, config = network, network.config
        self._blocks = network
        if precision != "float32":
            self._blocks = copy.deepcopy(network).to(self._dtype)
        device, places = network.output.device, torch.arange(config.block_size)
        heads, dimensions = len(network.output), places.to(device) % config.transition_dim
        self._offsets = dimensions * config.vocabulary  # of equation 1
        self._heads = (dimensions + 1) % config.transition_dim % heads  # predict the next dimension
        self._positions = position_vectors(network).to(self._dtype)
        seen = attended(config.block_size, config, device)
        last, self._span = seen.cumsum(dim=0) - 1, _spanned(int(seen.sum()))
        self._visible = torch.arange(self._span, device=device) <= last[:, None]
        # Tokens that no later one attends to go to a slot behind all spans.
        self._slots = torch.where(seen, last, self._span)
        self._position, self._index = torch.zeros(2, 1, dtype=torch.long, device=device)
        self._capacity, self._graphs = 0, {}

    @torch.inference_mode()
    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        check_length(self.network, contexts.shape[1], length)
        B, L = contexts.shape
        self._grow(B)
        config, device = self.network.config, contexts.device
        mask, seen = attention_mask(L, config, device), attended(L, config, device)
        kept = attended_count(L, config)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self._cache[layer, 0, :B, :, :kept] = k[:, :, seen]
            self._cache[layer, 1, :B, :, :kept] = v[:, :, seen]
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

        x = self._blocks.run_blocks(self._blocks.embed(contexts), attend)
        x = self._blocks.output_norm(x[:, -1]).float()
        head = L % self.network.config.transition_dim % len(self.network.output)
        logits = F.linear(x, self.network.output[head])
        self._logits[:B] = logits[:, : self.network.config.vocabulary]
        self._rows, self._length, self._room = B, L, length
        self._position.fill_(L)
        return self._logits[:B].clone()

    @torch.inference_mode()
    def select(self, parents: Int[Tensor, " N"]) -> None:
        N, kept = len(parents), attended_count(self._length, self.network.config)
        cache, logits = self._cache[:, :, parents, :, :kept], self._logits[parents]
        self._grow(N)
        self._cache[:, :, :N, :, :kept], self._logits[:N] = cache, logits
        self._rows = N

    @torch.inference_mode()
    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        self._tokens[: self._rows] = tokens
        self._advance()
        return self._logits[: self._rows].clone()

    @torch.inference_mode()
    def draw(self, rules: Sequence[DrawRule], uniforms: Float[Tensor, "N S"]) -> Drawn:
        N, S, R = self._rows, len(rules), _padded(self._rows)
        self._index.zero_()
        self._uniforms[:S, :N] = uniforms.t()
        for i, rule in enumerate(rules):
            if rule.centers is not None:
                self._centers[i] = rule.centers
            key = (R, rule.top, rule.mass, rule.temperature, rule.centers is None)
            self._run(key, lambda rule=rule: self._draw_step(R, rule))
            if i + 1 < S:
                self._advance()
        log_probs, expected = self._drawn[:, :S, :N].mT.clone()
        return Drawn(self._drawn_tokens[:S, :N].t().clone(), log_probs, expected)

    def _advance(self) -> None:
        """Append the drawn tokens to the rows and compute the next logits."""
        if self._room < 1:
            raise TTOError(
                "static engine: expected no more tokens than the `length` given to `start`"
            )
        R = _padded(self._rows)
        span = _spanned(attended_count(self._length + 1, self.network.config))
        self._run((R, span), lambda: self._forward_step(R, span))
        self._length, self._room = self._length + 1, self._room - 1

    def _forward_step(self, R: int, span: int) -> None:
        network, position = self._blocks, self._position
        tokens = self._tokens[:R] + self._offsets[position]
        x = network.token_embedding(tokens)[:, None] + self._positions[position]
        mask, slot = self._visible[position, :span], self._slots[position]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = self._cache[layer, :, :R]
            keys.index_copy_(2, slot, k)
            values.index_copy_(2, slot, v)
            return F.scaled_dot_product_attention(
                q, keys[:, :, :span], values[:, :, :span], attn_mask=mask
            )

        x = network.output_norm(network.run_blocks(x, attend)[:, 0]).float()
        logits = F.linear(x, self.network.output.index_select(0, self._heads[position])[0])
        self._logits[:R] = logits[:, : self.network.config.vocabulary]
        position += 1

    def _draw_step(self, R: int, rule: DrawRule) -> None:
        index = self._index
        if rule.centers is not None:
            rule = replace(rule, centers=self._centers[index][0])
        uniforms = self._uniforms[index][0, :R]
        tokens, log_probs, expected = draw_token(self._logits[:R], uniforms, rule)
        self._tokens[:R] = tokens
        self._drawn_tokens[:, :R].index_copy_(0, index, tokens[None])
        self._drawn[:, :, :R].index_copy_(1, index, torch.stack([log_probs, expected])[:, None])
        index += 1

    def _run(self, key: Hashable, step: Callable[[], None]) -> None:
        """Run a step; on CUDA devices as a graph, which is captured the first time."""
        device = self._logits.device
        if device.type != "cuda":
            step()
            return
        if key not in self._graphs:
            before = self._position.clone(), self._index.clone()
            # The first run is not captured, because libraries initialise themselves in it.
            stream = torch.cuda.Stream(device)
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                step()
            torch.cuda.current_stream(device).wait_stream(stream)
            self._position.copy_(before[0])
            self._index.copy_(before[1])
            self._graphs[key] = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graphs[key], pool=self._pool):
                step()
        self._graphs[key].replay()

    def _grow(self, rows: int) -> None:
        """Allocate buffers for `rows` rows; drop the graphs, which refer to the old buffers."""
        if rows <= self._capacity:
            return
        config, device = self.network.config, self.network.output.device
        R = self._capacity = _padded(rows)
        L, K, V = config.block_size, config.width // config.heads, config.vocabulary
        self._graphs.clear()
        # A pool whose graphs are all gone cannot take others.
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        slots = self._span + 1
        self._cache = zeros(config.layers, 2, R, config.heads, slots, K, dtype=self._dtype)
        self._tokens, self._logits = zeros(R, dtype=torch.long), zeros(R, V)
        self._uniforms, self._centers = zeros(L, R), zeros(L, V)
        self._drawn_tokens, self._drawn = zeros(L, R, dtype=torch.long), zeros(2, L, R)


def _spanned(tokens: int) -> int:
    """The next multiple of `SPAN`."""
    return -(-tokens // SPAN) * SPAN


def _padded(rows: int) -> int:
    """The next power of two."""
    return 1 << (rows - 1).bit_length()
