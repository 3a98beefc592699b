"""An engine with fixed shapes: on CUDA devices each of its steps is a CUDA graph that is replayed.

A token then costs two launches instead of about a hundred: one to draw it and one for the pass
through the network. CUDA graphs require that every tensor keeps its address and shape. So the
position and the number of the draw are tensors, and the numbers of episodes and of rows of an
episode are padded to powers of two. Attention spans a multiple of `SPAN` tokens of the context and
of the plan and is masked by the position, so there is one graph for each of these four numbers.

Keys and values of a context are stored once for all rows that continue it, and those of planned
tokens for each row; there is room for the longest context and plan so far. Tokens that no later one
attends to (hidden rewards-to-go) take no place in a span. On other devices the same steps run one
operation at a time.

The graph of a step replays each of its kernels. Compiled steps have about half as many, since
PyTorch's compiler joins norms, sums, softmax and the whole draw with what is beside them.

Letters: B contexts, W rows of each, N = BW rows, R rows with padding, L tokens, S drawn tokens, V
bins, H heads, K head size.
"""

import copy
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import (
    TrajectoryTransformer,
    attended,
    attended_count,
    attention_mask,
)
from tto.planning.draw import Drawn, DrawRule, draw_token
from tto.planning.engine import (
    check_length,
    check_logits,
    position_vectors,
    probability_to_go_on,
)

SPAN = 64


class StaticEngine:
    """Keeps keys and values in buffers; no shape changes from token to token."""

    def __init__(
        self,
        network: TrajectoryTransformer,
        *,
        precision: Literal["float32", "bfloat16"] = "float32",
        compiled: bool = False,
    ) -> None:
        """Prepare lookup tables for positions; buffers are made once their sizes are known.

        Args:
            precision: "bfloat16" applies to all computations but softmax, logits and draws. It uses
                a copy of the network, which later changes of the network do not reach.
            compiled: whether each step is compiled first, which takes minutes.

        Raises:
            TTOError: the precision is unknown, or the model has Gaussian outputs.
        """
        check_logits(network)
        if precision not in ("float32", "bfloat16"):
            raise TTOError(f"precision: expected float32 or bfloat16, got {precision!r}")
        self._dtype, self._compiled = getattr(torch, precision), compiled
        self.network, config = network, network.config
        self._blocks = network
        if precision != "float32":
            self._blocks = copy.deepcopy(network).to(self._dtype)
        device = network.output.device
        heads = len(network.output)
        dimensions = torch.arange(config.block_size, device=device) % config.transition_dim
        self._offsets = dimensions * config.vocabulary  # of equation 1
        self._heads = (dimensions + 1) % config.transition_dim % heads  # predict the next dimension
        self._positions = position_vectors(network).to(self._dtype)
        self._seen = attended(config.block_size, config, device)
        # Found on the processor, so that no plan waits for the device.
        seen = attended(config.block_size, config, torch.device("cpu"))
        self._attended = seen.nonzero()[:, 0].to(device)
        self._position, self._index = torch.zeros(2, 1, dtype=torch.long, device=device)
        self._steps: dict[Hashable, Callable[[], object]] = {}
        self._contexts = self._zeros(config.layers, 2, 0, config.heads, 0, self._head_size)
        self._own = self._zeros(config.layers, 2, 0, 0, self._head_size)

    @torch.inference_mode()
    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        check_length(self.network, contexts.shape[1], length)
        (B, L), config, device = contexts.shape, self.network.config, contexts.device
        self._length, self._room = L, length
        self._common = kept = attended_count(L, config)  # cached tokens of a context
        self._arrange(B, 1)
        self._make_room(contexts=kept, plan=attended_count(L + length, config) - kept)
        mask, seen = attention_mask(L, config, device), self._attended[:kept]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self._contexts[layer, 0, :B, :, :kept] = k[:, :, seen]
            self._contexts[layer, 1, :B, :, :kept] = v[:, :, seen]
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

        x = self._blocks.run_blocks(self._blocks.embed(contexts), attend)
        x = self._blocks.output_norm(x[:, -1]).float()
        outputs = F.linear(x, self.network.output[L % config.transition_dim % len(self._outputs)])
        self._of_rows(self._logits)[:, 0] = outputs
        self._position.fill_(L)
        self._lay_out_plan()
        return outputs[:, : config.vocabulary]

    @torch.inference_mode()
    def select(self, parents: Int[Tensor, " N"]) -> None:
        N, B, W = len(parents), self._B, self._W
        H, K = self.network.config.heads, self._head_size
        owners, logits = parents // W, self._of_rows(self._logits).flatten(0, 1)[parents]
        kept = attended_count(self._length, self.network.config) - self._common
        before = self._plan_cache()
        contexts = self._contexts
        # One context needs no look at the parents, for which the processor would wait.
        ordered = torch.arange(N, device=parents.device) * B // N
        shared = B == 1 or (N % B == 0 and torch.equal(owners, ordered))
        self._arrange(*((B, N // B) if shared else (N, 1)))
        self._make_room(contexts=self._common, plan=self._own.shape[3] - 1)
        if not shared:
            for layer, old in enumerate(contexts):
                self._contexts[layer, :, :N, :, : self._common] = old[:, owners, :, : self._common]
        # A layer at a time, so that the copies in between are small.
        for old, new in zip(before, self._plan_cache(), strict=True):
            rows = old[:, owners, :, parents % W, :kept]  # (N, 2, H, kept, K)
            rows = rows.view(self._B, self._W, 2, H, kept, K).permute(2, 0, 3, 1, 4, 5)
            new[:, : self._B, :, : self._W, :kept] = rows
        self._of_rows(self._logits).copy_(logits.unflatten(0, (self._B, self._W)))

    @torch.inference_mode()
    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        self._of_rows(self._tokens).copy_(tokens.view(self._B, self._W))
        self._advance()
        outputs = _copied(self._of_rows(self._logits)).flatten(0, 1)
        return outputs[:, : self.network.config.vocabulary]

    @torch.inference_mode()
    def going_on(self) -> Float[Tensor, " N"]:
        outputs = self._of_rows(self._logits).flatten(0, 1)
        return probability_to_go_on(outputs, self.network.config.vocabulary)

    @torch.inference_mode()
    def draw(self, rules: Sequence[DrawRule], uniforms: Float[Tensor, "N S"]) -> Drawn:
        S, R = len(rules), self._R
        self._index.zero_()
        self._of_rows(self._uniforms[:S], 1).copy_(uniforms.t().unflatten(1, (self._B, self._W)))
        for i, rule in enumerate(rules):
            if rule.centers is not None:
                self._centers[i] = rule.centers
            key = (R, rule.top, rule.mass, rule.temperature, rule.centers is None)
            self._run(key, lambda rule=rule: self._draw_step(R, rule))
            if i + 1 < S:
                self._advance()
        log_probs, expected = _copied(self._of_rows(self._drawn[:, :S], 2)).flatten(2).mT
        tokens = _copied(self._of_rows(self._drawn_tokens[:S], 1)).flatten(1).t()
        return Drawn(tokens, log_probs, expected)

    def _advance(self) -> None:
        """Append the drawn tokens to the rows and compute the next logits."""
        if self._room < 1:
            raise TTOError(
                "static engine: expected no more tokens than the `length` given to `start`"
            )
        kept = attended_count(self._length + 1, self.network.config) - self._common
        common = min(_spanned(self._common), self._contexts.shape[4])
        plan = min(_spanned(kept), self._own.shape[3] - 1)
        key = (self._padded_B, self._padded_W, common, plan)
        self._run(key, lambda: self._forward_step(common, plan))
        self._length, self._room = self._length + 1, self._room - 1

    def _forward_step(self, common: int, plan: int) -> None:
        """Pass the rows' tokens through the network, which attends to spans of these lengths."""
        network, position, R = self._blocks, self._position, self._R
        tokens = self._tokens[:R] + self._offsets[position]
        x = network.token_embedding(tokens)[:, None] + self._positions[position]
        slot, cache = self._slots[position], self._plan_cache()
        mask = torch.cat([self._in_context[None, :common], self._in_plan[position, :plan]], dim=1)
        B, W, H = self._padded_B, self._padded_W, self.network.config.heads

        def by_context(x: Tensor) -> Tensor:  # (R, H, 1, K) to (B, H, W, 1, K)
            return x.unflatten(0, (B, W)).transpose(1, 2)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            contexts, (keys, values) = self._contexts[layer, :, :B, :, :common], cache[layer]
            keys.index_copy_(3, slot, by_context(k))
            values.index_copy_(3, slot, by_context(v))
            q = by_context(q) / math.sqrt(self._head_size)
            on_context = q[..., 0, :] @ contexts[0].mT  # (B, H, W, common)
            on_plan = (q @ keys[..., :plan, :].mT)[..., 0, :]  # (B, H, W, plan)
            scores = torch.cat([on_context, on_plan], dim=-1) + mask
            weights = scores.softmax(dim=-1, dtype=torch.float32).to(self._dtype)
            out = weights[..., :common] @ contexts[1]
            out = out + (weights[..., None, common:] @ values[..., :plan, :])[..., 0, :]
            return out.transpose(1, 2).reshape(R, H, 1, self._head_size)

        x = network.output_norm(network.run_blocks(x, attend)[:, 0]).float()
        self._logits[:R] = F.linear(x, self._outputs.index_select(0, self._heads[position])[0])
        position += 1

    def _draw_step(self, R: int, rule: DrawRule) -> None:
        index = self._index
        if rule.centers is not None:
            rule = replace(rule, centers=self._centers[index][0])
        uniforms = self._uniforms[index][0, :R]
        logits = self._logits[:R, : self.network.config.vocabulary]
        tokens, log_probs, expected = draw_token(logits, uniforms, rule)
        self._tokens[:R] = tokens
        self._drawn_tokens[:, :R].index_copy_(0, index, tokens[None])
        self._drawn[:, :, :R].index_copy_(1, index, torch.stack([log_probs, expected])[:, None])
        index += 1

    def _run(self, key: Hashable, step: Callable[[], None]) -> None:
        """Run a step; the first time it is prepared: compiled, and captured on CUDA devices."""
        if key not in self._steps:
            self._steps[key] = self._prepared(step)
        self._steps[key]()

    def _prepared(self, step: Callable[[], None]) -> Callable[[], object]:
        device = self._outputs.device
        if self._compiled:
            step = _compiled(step)
        if device.type != "cuda":
            return step
        before = self._position.clone(), self._index.clone()
        # The first run is not captured, because libraries initialise themselves in it.
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            step()
        torch.cuda.current_stream(device).wait_stream(stream)
        self._position.copy_(before[0])
        self._index.copy_(before[1])
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            step()
        return graph.replay

    @property
    def _outputs(self) -> Float[Tensor, "heads outputs C"]:
        return self.network.output

    @property
    def _head_size(self) -> int:
        return self.network.config.width // self.network.config.heads

    def _arrange(self, B: int, W: int) -> None:
        """From now on, there are B contexts, and W rows continue each of them."""
        self._B, self._W = B, W
        self._padded_B, self._padded_W = _padded(B), _padded(W)
        self._R = self._padded_B * self._padded_W

    def _of_rows(self, buffer: Shaped[Tensor, "..."], dim: int = 0) -> Shaped[Tensor, "..."]:
        """The rows without padding in a buffer whose dimension `dim` they are, as (B, W)."""
        rows = buffer.narrow(dim, 0, self._R).unflatten(dim, (self._padded_B, self._padded_W))
        return rows.narrow(dim, 0, self._B).narrow(dim + 1, 0, self._W)

    def _plan_cache(self) -> Float[Tensor, "layers 2 B H W slots K"]:
        """Keys and values of planned tokens, by layer, as many as there are rows with padding."""
        H = self.network.config.heads
        return self._own[:, :, : self._R * H].unflatten(2, (self._padded_B, H, self._padded_W))

    def _lay_out_plan(self) -> None:
        """Which slots the tokens after this context take, and which ones they attend to."""
        slots = self._own.shape[3] - 1
        places = torch.arange(max(slots, self._contexts.shape[4]), device=self._seen.device)
        last = self._seen.cumsum(dim=0) - 1 - self._common
        # Tokens that no later one attends to go to a slot behind all others.
        self._slots.copy_(torch.where(self._seen, last, slots).clamp(0, slots))
        hidden = -math.inf
        self._in_plan.zero_().masked_fill_(places[:slots] > last[:, None], hidden)
        common = self._in_context.zero_()
        common.masked_fill_(places[: len(common)] >= self._common, hidden)

    def _make_room(self, *, contexts: int, plan: int) -> None:
        """Make buffers larger where the rows, or these numbers of cached tokens, do not fit.

        Steps refer to the old buffers, so they are dropped. What the old buffers held is lost.
        """
        config = self.network.config
        L, V, H, K = config.block_size, config.vocabulary, config.heads, self._head_size
        O = self._outputs.shape[1]
        before = self._contexts, self._own
        _, _, most_contexts, _, most_tokens, _ = self._contexts.shape
        if self._padded_B > most_contexts or contexts > most_tokens:
            sizes = max(self._padded_B, most_contexts), H, max(contexts, most_tokens), K
            self._contexts = self._zeros(config.layers, 2, *sizes)
            self._in_context = self._zeros(sizes[2], dtype=torch.float32)
        rows, slots = self._own.shape[2] // H, self._own.shape[3]
        if rows < self._R or slots < plan + 1:
            R, slots = max(self._R, rows), max(plan + 1, slots)
            self._own = self._zeros(config.layers, 2, R * H, slots, K)
            self._in_plan = self._zeros(L, slots - 1, dtype=torch.float32)
            self._slots = self._zeros(L, dtype=torch.long)
            self._tokens, self._drawn_tokens = (
                self._zeros(*shape, dtype=torch.long) for shape in ((R,), (L, R))
            )
            self._logits, self._uniforms, self._centers, self._drawn = (
                self._zeros(*shape, dtype=torch.float32)
                for shape in ((R, O), (L, R), (L, V), (2, L, R))
            )
        if before[0] is self._contexts and before[1] is self._own:
            return
        self._lay_out_plan()
        self._steps.clear()
        # A pool whose graphs are all gone cannot take others.
        on_cuda = self._outputs.device.type == "cuda"
        self._pool = torch.cuda.graph_pool_handle() if on_cuda else None

    def _zeros(self, *shape: int, dtype: torch.dtype | None = None) -> Shaped[Tensor, "..."]:
        return torch.zeros(shape, dtype=dtype or self._dtype, device=self._outputs.device)


def _compiled(step: Callable[[], None]) -> Callable[[], None]:
    """A step as few kernels, for its own shapes; the CUDA graph around it is ours."""
    fast = torch.compile(step, fullgraph=True, dynamic=False)

    def run() -> None:
        # Steps of all shapes share their code, of which PyTorch compiles eight forms by default.
        with torch._dynamo.config.patch(recompile_limit=1024, accumulated_recompile_limit=4096):
            fast()

    return run


def _spanned(tokens: int) -> int:
    """The next multiple of `SPAN`."""
    return -(-tokens // SPAN) * SPAN


def _padded(rows: int) -> int:
    """The next power of two."""
    return 1 << (rows - 1).bit_length()


def _copied(values: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
    return values.clone(memory_format=torch.contiguous_format)
