"""The float32 Muon agrees with torch's in bfloat16, and its updates have even singular values."""

import torch
from torch import nn

from tto.training.muon import Muon, orthogonalised

SHAPES = [(6, 4), (4, 6), (4, 4), (6, 4)]


def matrices(seed):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def test_updates_equal_torchs_up_to_its_precision():
    ours, theirs = matrices(0), matrices(0)
    fast = Muon(ours, lr=0.02, weight_decay=0.1)
    slow = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        for mine, other, gradient in zip(ours, theirs, matrices(step + 1), strict=True):
            mine.grad, other.grad = gradient.detach().clone(), gradient.detach().clone()
        fast.step()
        slow.step()
    for mine, other, start in zip(ours, theirs, matrices(0), strict=True):
        moved = (other - start).norm()
        assert (mine - other).norm() < 0.02 * moved


def test_singular_values_come_near_one_and_directions_stay():
    matrix = torch.randn(3, 5, 9, generator=torch.Generator().manual_seed(0))
    result = orthogonalised(matrix)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.6
    assert values.max() < 1.3
    # U S V^T of the input and U S' V^T of the result: U^T result V is diagonal
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.mT @ result @ vh.mT
    off = inner - torch.diag_embed(inner.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 1e-3
    torch.testing.assert_close(orthogonalised(matrix.mT.contiguous()), result.mT)


def test_a_parameter_without_gradient_stays():
    first, second = matrices(0)[:2]
    before = second.detach().clone()
    first.grad = torch.ones_like(first)
    Muon([first, second], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(second, before)
