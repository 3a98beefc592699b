"""CPU milliseconds of attention, and of an update: this project's kernel and torch's.

    python benchmarks/attention.py

The first table has attention and its gradients alone, at the sizes of the demo's model, of one of
width 96 and of the paper's, for each set of instructions that this processor has. The last line has
whole updates of the demo's model (three layers of width 64, 32 windows of six transitions, random
tokens of a walker2d): a forward and a backward pass, clipped gradients and the optimisers. Times
are CPU times of one thread; the kernels take turns, and the fastest of several rounds counts.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from tto.model import native_attention
from tto.model.attention import past
from tto.model.native_build import targets_here
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.training.config import training_config
from tto.training.loss import next_token_losses
from tto.training.optimizers import make_optimizers

ROUNDS = 5
CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
OF_JOBS = ("threads", "processes", "overrides")  # of the section training, not of `training_config`
# Sequences, heads, tokens, channels of a head, tokens of a transition, type.
SIZES = {
    "demo, hopper": (32, 4, 96, 16, 16, torch.bfloat16),
    "demo, walker2d": (32, 4, 150, 16, 25, torch.bfloat16),
    "width 96": (32, 4, 150, 24, 25, torch.bfloat16),
    "paper": (8, 6, 511, 32, 16, torch.float32),
}


def fastest(*functions: Callable[[], object]) -> list[float]:
    """The least CPU milliseconds of each of several functions, which take turns."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(ROUNDS):
        for function, found in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            found.append(1e3 * (time.process_time() - start))
    return [min(found) for found in times]


def alone(size: tuple[int, int, int, int, int, torch.dtype]) -> list[float]:
    """Milliseconds of attention and gradients: torch's kernel, then ours for each target."""
    B, H, L, K, D, dtype = size
    made = torch.randn(B, L, 3, H, K, dtype=dtype).permute(2, 0, 3, 1, 4).unbind()
    qkv, slope = [x.requires_grad_() for x in made], torch.randn(B, H, L, K, dtype=dtype)
    seen = torch.ones(L, dtype=torch.bool)
    seen[D - 1 :: D] = False
    mask = past(L, seen.device) & seen

    def run(attend: Callable[..., Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(attend(*qkv), qkv, slope)

    def torchs(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask).to(
            q.dtype
        )

    def ours(target: str) -> Callable[..., Tensor]:
        return lambda q, k, v: native_attention.native_attention(q, k, v, seen, target=target)

    return fastest(run(torchs), *(run(ours(target)) for target in targets_here()))


def update() -> list[float]:
    """Milliseconds of an update of the demo's model: with torch's kernel, with ours."""
    model = CONFIG["model"] | {"block_tokens": 512, "max_transitions": 6}
    config = ModelConfig(
        observation_dim=17,
        action_dim=6,
        vocabulary=CONFIG["discretizer"]["bins"],
        **model,
    )
    network = TrajectoryTransformer(config)
    tokens = torch.randint(config.vocabulary, (32, config.block_size))
    training = {name: value for name, value in CONFIG["training"].items() if name not in OF_JOBS}
    settings = training_config(training | {"precision": "bfloat16"}).optimizer
    optimizers = make_optimizers(network, settings)

    def step() -> None:
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(tokens[:, :-1])
        next_token_losses(logits.float(), tokens).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CONFIG["training"]["clip_norm"])
        for optimizer in optimizers:
            optimizer.step()

    def step_of_torch() -> None:
        with mock.patch.object(native_attention, "fits", return_value=False):
            step()

    return fastest(step_of_torch, step)


def main() -> None:
    argparse.ArgumentParser(description="Time the attention of training.").parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    names = targets_here()
    print(f"| sizes | torch, ms | {' | '.join(names)} |\n|---|---:|{'---:|' * len(names)}")
    for name, size in SIZES.items():
        print(f"| {name} | {' | '.join(f'{ms:.1f}' for ms in alone(size))} |")
    theirs, ours = update()
    print(f"\nan update: torch's {theirs:.0f} ms, ours {ours:.0f} ms, ratio {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
