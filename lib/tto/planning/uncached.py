"""The plain engine, with which tests compare the others.

Letters: B episodes, N rows, L context tokens, V bins.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.model.transformer import TrajectoryTransformer
from tto.planning.engine import StepwiseDraws, check_length


class UncachedEngine(StepwiseDraws):
    """The plain engine: runs the model on whole sequences for each token."""

    def __init__(self, network: TrajectoryTransformer) -> None:
        self.network = network

    @torch.inference_mode()
    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        check_length(self.network, contexts.shape[1], length)
        self.sequences = contexts
        return self._logits()

    def select(self, parents: Int[Tensor, " N"]) -> None:
        self.sequences, self.outputs = self.sequences[parents], self.outputs[parents]

    @torch.inference_mode()
    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        self.sequences = torch.cat([self.sequences, tokens[:, None]], dim=1)
        return self._logits()

    def _logits(self) -> Float[Tensor, "N V"]:
        self.outputs = self.network(self.sequences)[:, -1]
        return self.logits
