"""Perceptrons of several members that are computed as one batch."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Perceptrons(nn.Module):
    """M perceptrons with SiLU, whose weights `[M, inputs, outputs]` are multiplied as one batch."""

    def __init__(
        self, sizes: Sequence[int], *, members: int, generator: torch.Generator | None = None
    ) -> None:
        """Draw the weights from truncated normal distributions, as PETS does.

        Args:
            sizes: numbers of inputs, of each hidden layer's units, and of outputs.
            members: number of perceptrons, M.
            generator: draws the weights.
        """
        super().__init__()
        self.members = members
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for rows, columns in itertools.pairwise(sizes):
            std = 1 / (2 * math.sqrt(rows))
            weight = torch.empty(members, rows, columns)
            nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=generator)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, columns)))

    def outputs(self, inputs: Float[Tensor, "M B I"]) -> Float[Tensor, "M B outputs"]:
        """Each member's outputs for its own rows."""
        x = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = F.silu(torch.baddbmm(bias, x, weight))
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])
