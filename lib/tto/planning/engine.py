"""The interface between a search and a model: logits of sequences that grow and branch.

An engine knows nothing of actions, rewards or scores. `start` takes one context for each of B
episodes. From then on the engine holds N rows, each of which continues one of the contexts. All
engines give equal logits and draws; they differ in what they recompute.

Letters: B episodes, N rows, L context tokens, S drawn tokens, V bins, O outputs: V, and one more
with a stop token.
"""

import abc
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import TrajectoryTransformer
from tto.planning.draw import Drawn, DrawRule, draw_token


@runtime_checkable
class Engine(Protocol):
    """Logits of growing, branching sequences, and tokens drawn from them."""

    def start(self, contexts: Int[Tensor, "B L"], *, length: int) -> Float[Tensor, "B V"]:
        """Begin one row for each context and return the logits of its next token.

        Args:
            length: largest number of tokens that will be appended to a row.
        """
        ...

    def select(self, parents: Int[Tensor, " N"]) -> None:
        """Replace the rows by copies of the rows `parents`."""
        ...

    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]:
        """Append one token to each row and return the logits of the next."""
        ...

    def draw(self, rules: Sequence[DrawRule], uniforms: Float[Tensor, "N S"]) -> Drawn:
        """Draw one token by each rule for each row; append all tokens but the last."""
        ...

    def going_on(self) -> Float[Tensor, " N"]:
        """Probability that each row's episode goes on: that the next token is no stop token.

        It is 1 for a model without a stop token. Draws and logits are of episodes that go on.
        """
        ...


class StepwiseDraws(abc.ABC):
    """`draw`, one token at a time, for engines that return logits.

    Attributes:
        network: the model.
        outputs: outputs for the next token of each row, kept up to date by the engine.
    """

    network: TrajectoryTransformer
    outputs: Float[Tensor, "N O"]

    @property
    def logits(self) -> Float[Tensor, "N V"]:
        """Logits of the bins."""
        return self.outputs[:, : self.network.config.vocabulary]

    @torch.inference_mode()
    def going_on(self) -> Float[Tensor, " N"]:
        return probability_to_go_on(self.outputs, self.network.config.vocabulary)

    @abc.abstractmethod
    def append(self, tokens: Int[Tensor, " N"]) -> Float[Tensor, "N V"]: ...

    @torch.inference_mode()
    def draw(self, rules: Sequence[DrawRule], uniforms: Float[Tensor, "N S"]) -> Drawn:
        drawn = []
        for i, rule in enumerate(rules):
            drawn.append(draw_token(self.logits, uniforms[:, i], rule))
            if i + 1 < len(rules):
                self.append(drawn[-1][0])
        return Drawn(*(torch.stack(column, dim=1) for column in zip(*drawn, strict=True)))


def probability_to_go_on(outputs: Float[Tensor, "N O"], vocabulary: int) -> Float[Tensor, " N"]:
    """1 less the probability of the output after the bins, the stop token's, if there is one."""
    if outputs.shape[1] == vocabulary:
        return outputs.new_ones(len(outputs))
    return outputs.softmax(dim=-1)[:, :vocabulary].sum(dim=-1)


def check_length(network: TrajectoryTransformer, context: int, length: int) -> None:
    """Raise TTOError unless `context` + `length` tokens fit into the model's block."""
    if context + length > network.config.block_size:
        raise TTOError(
            f"planning: expected context and plan within {network.config.block_size} tokens, "
            f"got {context} and {length}; shorten planning.context or planning.horizon"
        )


def check_logits(network: TrajectoryTransformer) -> None:
    """Raise TTOError unless the model's outputs are logits, as the faster engines expect."""
    if network.config.output == "gaussian":
        raise TTOError(
            "planning: expected a model with output shared or per_dimension, got gaussian; use the "
            "cached engine"
        )


@torch.no_grad()
def position_vectors(network: TrajectoryTransformer) -> Float[Tensor, "L C"]:
    """The vectors that the model adds to the tokens at each position of its block."""
    config = network.config
    positions = torch.arange(config.block_size, device=network.output.device)
    if network.dimension_embedding is None:
        return network.position_embedding(positions)
    D = config.transition_dim
    return network.position_embedding(positions // D) + network.dimension_embedding(positions % D)
