"""Tables over bins in a cosine basis, so that neighbouring bins learn similar vectors.

A model with a free vector for each bin has to learn from data that bin 41 is between 40 and 42.
Here the optimiser updates coefficients of cosines over the bins instead, and moves slow waves
farther than fast ones. Any table can still be reached, and training ends with plain tables, so that
the trained model has the usual layout. The paper and the official code learn bins independently.

Letters: V bins, N tokens of a dimension (V, and a mask or stop token), C channels.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tto.model.transformer import TrajectoryTransformer


def smooth_bins(network: TrajectoryTransformer, *, bins: int) -> None:
    """Represent the bins' embeddings and output rows in the cosine basis, until `fold`.

    Initial tables keep their standard deviation. Rows of tokens that are not bins (mask, stop) are
    learned directly. A Gaussian output and inputs of values have no rows for bins and do not
    change.

    Args:
        bins: number of bins V; tokens of a dimension from V on are not bins.
    """
    config = network.config
    # `unsafe` lets the old table become the coefficients, so that the new table starts smooth
    if config.input == "tokens":
        tables = CosineTables(bins, rows=config.vocabulary)
        parametrize.register_parametrization(network.token_embedding, "weight", tables, unsafe=True)
    if config.output != "gaussian":
        heads = CosineTables(bins, rows=config.logits)
        parametrize.register_parametrization(network, "output", heads, unsafe=True)


def fold(network: TrajectoryTransformer) -> None:
    """Turn coefficients into plain tables; a network without coefficients does not change."""
    for module, name in ((network.token_embedding, "weight"), (network, "output")):
        if parametrize.is_parametrized(module, name):
            parametrize.remove_parametrizations(module, name)


class CosineTables(nn.Module):
    """A map from coefficients to tables of `rows` rows, the first `bins` in the cosine basis."""

    basis: Float[Tensor, "V V"]

    def __init__(self, bins: int, *, rows: int) -> None:
        """Compute the basis: column k is a wave of k half periods with strength 1 / (1 + k)."""
        super().__init__()
        self.rows = rows
        bin_number, wave = torch.arange(bins, dtype=torch.float64), torch.arange(bins)
        basis = torch.cos(math.pi / bins * (bin_number[:, None] + 0.5) * wave) * math.sqrt(2 / bins)
        basis[:, 0] /= math.sqrt(2)
        strength = 1.0 / (1 + wave.double())
        basis *= (
            strength / strength.square().mean().sqrt()
        )  # tables keep the deviation of coefficients
        self.register_buffer("basis", basis.float(), persistent=False)

    def forward(self, coefficients: Float[Tensor, "*rows C"]) -> Float[Tensor, "*rows C"]:
        """Transform tables that follow one another; rows after the last whole table are copied."""
        C, V = coefficients.shape[-1], len(self.basis)
        flat = coefficients.reshape(-1, C)
        whole = len(flat) // self.rows * self.rows
        tables = flat[:whole].view(-1, self.rows, C)
        smooth = torch.matmul(self.basis, tables[:, :V])
        if self.rows > V:
            smooth = torch.cat([smooth, tables[:, V:]], dim=1)
        return torch.cat([smooth.reshape(-1, C), flat[whole:]]).view_as(coefficients)
