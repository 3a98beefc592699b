"""Muon: momentum whose matrices are orthogonalised (Jordan et al. 2024).

`torch.optim.Muon` always multiplies in bfloat16. On CPUs without bfloat16 that takes ten times as
long as float32, and longer than the network itself. This one uses float32 and batches matrices of
the same shape.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Coefficients of the quintic iteration and number of steps; singular values end roughly at 1, which
# is accurate enough.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, scaled to the size of AdamW's updates."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        """Take the matrices to update; weight decay is decoupled as in AdamW."""
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update each matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
            for parameters in by_shape.values():
                self._update(parameters, group)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Update matrices of one shape."""
        momentum, rate = group["momentum"], group["lr"]
        directions = []
        for parameter in parameters:
            state, grad = self.state[parameter], parameter.grad
            assert grad is not None
            if not state:
                state["momentum_buffer"] = torch.zeros_like(grad)
            state["momentum_buffer"].lerp_(grad, 1 - momentum)
            directions.append(grad.lerp(state["momentum_buffer"], momentum))
        scale = rate * 0.2 * math.sqrt(max(parameters[0].shape))
        for parameter, direction in zip(
            parameters, orthogonalised(torch.stack(directions)), strict=True
        ):
            parameter.mul_(1 - rate * group["weight_decay"]).add_(direction, alpha=-scale)


def orthogonalised(matrices: Float[Tensor, "N rows columns"]) -> Float[Tensor, "N rows columns"]:
    """Each matrix with its singular values brought near 1 by a Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
