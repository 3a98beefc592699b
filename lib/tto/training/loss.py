"""The training objective of section 3.1: the negative log-likelihood of each next token."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tto.model.transformer import ModelConfig


@dataclass(frozen=True)
class LossWeights:
    """Weights of the four kinds of token; the paper has none, the official code has 1, 5, 1, 1.

    Attributes:
        value: weight of the reward-to-go.
    """

    observation: float = 1.0
    action: float = 1.0
    reward: float = 1.0
    value: float = 1.0

    def of_dimensions(self, config: ModelConfig, device: torch.device) -> Float[Tensor, " D"]:
        """One weight for each of the D dimensions of a transition."""
        weights = (
            [self.observation] * config.observation_dim
            + [self.action] * config.action_dim
            + [self.reward, self.value]
        )
        return torch.tensor(weights, device=device)


def next_token_losses(
    logits: Float[Tensor, "B predicted V"], tokens: Int[Tensor, "B L"]
) -> Float[Tensor, "B predicted"]:
    """Negative log-likelihood, in nats, of tokens 1..L-1."""
    return F.cross_entropy(
        logits.flatten(0, 1).float(), tokens[:, 1:].flatten(), reduction="none"
    ).view(len(tokens), -1)


def weighted_sum(
    losses: Float[Tensor, "B predicted"], counted: Bool[Tensor, "B L"], weights: Float[Tensor, " D"]
) -> Float[Tensor, ""]:
    """Sum of the weighted losses of the tokens that count; `losses` are of tokens 1..L-1."""
    of_tokens = weights.repeat(counted.shape[1] // len(weights))[1:]
    return (losses * of_tokens * counted[:, 1:]).sum()
