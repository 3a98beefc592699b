"""An engine that caches keys and values, for any device that PyTorch supports.

Letters: B episodes, N rows, L cached context tokens, S cached later tokens, V bins, H heads, K head
size.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.model.transformer import (
    TrajectoryTransformer,
    attended,
    attended_count,
    attention_mask,
)
from tto.planning.engine import StepwiseDraws, check_length


class CachedEngine(StepwiseDraws):
    """Caches the keys and values of a context once for all its rows, and later ones for each row.

    Nothing is cached for tokens that no later one attends to (hidden rewards-to-go). Contexts are
    shared only while each has equally many rows, next to each other, as in the searches.
    """

    def __init__(self, network: TrajectoryTransformer) -> None:
        self.network = network

    @torch.inference_mode()
    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        check_length(self.network, contexts.shape[1], length)
        config, (B, L) = self.network.config, contexts.shape
        self.length, self.kept = L, 0  # tokens of a row; cached tokens after its context
        self.owners = torch.arange(B, device=contexts.device)  # the context of each row
        self.context: list[tuple[Tensor, Tensor]] = []
        mask = attention_mask(L, config, contexts.device)
        seen = attended(L, config, contexts.device)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            self.context.append((k[:, :, seen], v[:, :, seen]))
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

        x = self.network.run_blocks(self.network.embed(contexts), attend)
        K = config.width // config.heads
        room = attended_count(L + length, config) - attended_count(L, config)
        self.grown = [
            torch.empty(2, B, config.heads, room, K, dtype=x.dtype, device=x.device)
            for _ in range(config.layers)
        ]
        self.outputs = self.network.logits(x[:, -1:], start=L - 1)[:, 0]
        return self.logits

    @torch.inference_mode()
    def select(self, parents: Int[Tensor, " N"]) -> None:
        N, S, B = len(parents), self.kept, len(self.context[0][0])
        self.owners, self.outputs = self.owners[parents], self.outputs[parents]
        if not torch.equal(self.owners, torch.arange(N, device=parents.device) * B // N):
            self.context = [
                (keys[self.owners], values[self.owners]) for keys, values in self.context
            ]
            self.owners = torch.arange(N, device=parents.device)
        for layer, grown in enumerate(self.grown):
            selected = grown.new_empty(2, N, *grown.shape[2:])
            selected[:, :, :, :S] = grown[:, parents, :, :S]
            self.grown[layer] = selected

    @torch.inference_mode()
    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        config, position = self.network.config, self.length
        self.length += 1
        self.keeps = attended_count(self.length, config) > attended_count(position, config)
        self.kept += self.keeps
        x = self.network.embed(tokens[:, None], start=position)
        x = self.network.run_blocks(x, self._attend)
        self.outputs = self.network.logits(x, start=position)[:, 0]
        return self.logits

    def _attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend to the shared context and to each row's own tokens."""
        (N, H, _, K), (keys, values) = q.shape, self.context[layer]
        B, L, S = len(keys), keys.shape[2], self.kept
        grown = self.grown[layer]
        if self.keeps:
            grown[0, :, :, S - 1], grown[1, :, :, S - 1] = k[:, :, 0], v[:, :, 0]
        per_episode = q.view(B, N // B, H, K).transpose(1, 2)  # (B, H, W, K)
        on_context = per_episode @ keys.transpose(-2, -1)  # (B, H, W, L)
        on_context = on_context.transpose(1, 2).reshape(N, H, L)
        on_grown = (q @ grown[0, :, :, :S].transpose(-2, -1))[:, :, 0]  # (N, H, S)
        weights = (torch.cat([on_context, on_grown], dim=-1) / math.sqrt(K)).softmax(dim=-1)
        from_context = weights[:, :, :L].view(B, N // B, H, L).transpose(1, 2) @ values
        from_context = from_context.transpose(1, 2).reshape(N, H, 1, K)
        return from_context + weights[:, :, None, L:] @ grown[1, :, :, :S]
