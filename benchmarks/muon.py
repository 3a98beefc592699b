"""Milliseconds of an optimiser's step: our Muon in float32 and torch's Muon in bfloat16.

    python benchmarks/muon.py

The matrices are those of the demo's model (width 64), of the former local size (96) and of the
paper's model (192). Times are CPU times of one thread; the optimisers take turns.
"""

import argparse
import time

import torch
from torch import nn

from tto.training.muon import Muon

STEPS, ROUNDS = 20, 5
SIZES = {64: 3, 96: 3, 192: 4}  # width to layers


def matrices(width: int, layers: int) -> list[nn.Parameter]:
    """Matrices of the same shapes as those of a model's blocks, with gradients."""
    shapes = [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)]
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes * layers]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    return parameters


def milliseconds(optimizer: torch.optim.Optimizer) -> float:
    """Mean CPU milliseconds of one step."""
    start = time.process_time()
    for _ in range(STEPS):
        optimizer.step()
    return (time.process_time() - start) / STEPS * 1e3


def main() -> None:
    argparse.ArgumentParser(description="Time an optimiser's step.").parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print(f"bfloat16 in hardware: {torch.cpu._is_avx512_bf16_supported()}")
    print("| width | float32, ms | torch's, ms | ratio |\n|---:|---:|---:|---:|")
    for width, layers in SIZES.items():
        ours = Muon(matrices(width, layers), lr=1e-3)
        theirs = torch.optim.Muon(matrices(width, layers), lr=1e-3)
        times = [(milliseconds(ours), milliseconds(theirs)) for _ in range(ROUNDS)]
        fast, slow = (min(column) for column in zip(*times, strict=True))
        print(f"| {width} | {fast:.1f} | {slow:.1f} | {slow / fast:.1f} |")


if __name__ == "__main__":
    main()
