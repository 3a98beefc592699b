"""Actions that the model would take itself, without a search: expected or drawn ones.

Behaviour cloning by the Transformer. Each action dimension is predicted given those before it, so
both kinds keep the dependence between dimensions that the mean of several actions loses.

Letters: B episodes, L context tokens, A action dimensions, V bins.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.planning.draw import DrawRule
from tto.planning.engine import Engine


@torch.inference_mode()
def expected_action(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    centers: Float[Tensor, "A V"],
    borders: Float[Tensor, "A inner"],
) -> Float[Tensor, "B A"]:
    """The expectation of each action dimension, given the expectations of those before it.

    Args:
        engine: engine that computes the logits.
        contexts: tokens of past transitions and of the current observation.
        centers: values of the bins of each action dimension.
        borders: the V - 1 edges between the bins of each action dimension.
    """
    logits = engine.start(contexts, length=len(centers))
    values = []
    for i, of_bins in enumerate(centers):
        values.append(logits.softmax(dim=-1) @ of_bins)
        if i + 1 < len(centers):
            logits = engine.append(torch.bucketize(values[-1], borders[i], right=True))
    return torch.stack(values, dim=1)


@torch.inference_mode()
def drawn_action(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    centers: Float[Tensor, "A V"],
    uniforms: Float[Tensor, "B A"],
) -> Float[Tensor, "B A"]:
    """An action drawn from the model's distribution, as the data's actions were drawn.

    Args:
        engine, contexts, centers: as for `expected_action`.
        uniforms: random numbers in [0, 1), the only randomness.
    """
    engine.start(contexts, length=len(centers))
    A, V = centers.shape
    tokens = engine.draw([DrawRule(V)] * A, uniforms).tokens
    return centers[torch.arange(A, device=centers.device), tokens]
