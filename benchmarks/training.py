"""Training: tokens per CPU second of our model and of the port in `transformers`, and loss curves.

    python benchmarks/training.py [--lengths 159 511] [--widths 128 192] [--threads 1 2]
    python benchmarks/training.py --curves TOKENS.h5 [--updates 300]

Both models run in the same loop (gather from the tokens, forward, loss, backward, clipping, fused
AdamW) with the same batches of 64, dropout and precision. Rates are those of the fastest of a few
updates, per CPU second summed over threads. If transformers 4.35.2 cannot be imported, the last
release with the unchanged port, only our columns are printed.

`--curves` trains our model twice with each seed: by the fast path (bfloat16, sixteen random bits
for each dropped element) and by the plain one (float32, Bernoulli masks). It prints mean training
losses between evaluations and held-out losses.
"""

import argparse
import dataclasses
import itertools
import platform
import time
import warnings
from typing import Any, Literal

import numpy as np
import torch
from port import Port, port_is_here
from torch import Tensor

from tto.model import attention, transformer
from tto.model.transformer import ModelConfig
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, TokenFile, read_token_file
from tto.training.config import TrainingConfig
from tto.training.distributed import ProcessGroup
from tto.training.optimizers import OptimizerConfig, make_optimizers
from tto.training.state import TrainingState

O, A, V, BATCH = 11, 3, 100, 64  # hopper
D = O + A + 2
REPEATS = 2
CPU = torch.device("cpu")
Precision = Literal["float32", "bfloat16"]
RECIPES: dict[str, dict[str, Any]] = {
    "paper": {},
    "official": {
        "output": "per_dimension",
        "attend_values": False,
        "dropout_at": "gpt",
        "stop_token": True,
    },
}


def random_tokens() -> TokenFile:
    """Tokens of hopper's shape in episodes of 1000 transitions."""
    rows = 20_000
    attributes = TokenAttributes(
        dataset="random",
        env="Hopper-v5",
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        discretizer="uniform",
        discount=0.99,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    return TokenFile(
        attributes=attributes,
        discretizer=Discretizer("uniform", np.tile(np.linspace(0.0, 1.0, V + 1), (D, 1))),
        tokens=np.random.default_rng(0).integers(V, size=(rows, D)).astype(np.uint8),
        episode_starts=np.arange(0, rows + 1, 1000),
        terminated=np.zeros(rows // 1000, dtype=bool),
        goals=np.zeros((rows // 1000, O), dtype=np.uint8),
        source_digest="",
    )


def model_config(recipe: str, *, width: int, tokens: int, dropout: float) -> ModelConfig:
    """Four layers, heads of 32 channels; blocks of `tokens` + 1, whose last is only a target."""
    return ModelConfig(
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        layers=4,
        heads=width // 32,
        width=width,
        dropout=dropout,
        block_tokens=tokens + 1,
        **RECIPES[recipe],
    )


def training_config(precision: Precision, **changes: Any) -> TrainingConfig:
    """AdamW as in the official code; without evaluation unless `changes` says otherwise."""
    optimizer = OptimizerConfig(
        optimizer="adamw",
        learning_rate=6e-4,
        warmup_updates=50,
        weight_decay=0.1,
        betas=(0.9, 0.95),
        clip_norm=1.0,
    )
    settings: dict[str, Any] = dict(epochs=1000.0, batch_size=BATCH, held_out_fraction=0.0)
    settings |= {"evaluate_every": 10**9, **changes}
    return TrainingConfig(optimizer=optimizer, precision=precision, **settings)


class PortTraining(TrainingState):
    """A run with the port in place of our model."""

    def __init__(self, file: TokenFile, config: ModelConfig, training: TrainingConfig) -> None:
        super().__init__(file, config, training, seed=0, device=CPU, group=ProcessGroup())
        port: Any = Port(config)
        self._forward = port
        self.optimizers = make_optimizers(port, training.optimizer)
        self.network = port


def tokens_per_cpu_second(run: TrainingState, tokens: int) -> float:
    """Tokens per CPU second in the fastest of a few updates, after a first untimed one."""
    seconds = []
    for _ in range(1 + REPEATS):
        started = time.process_time()
        run.advance()
        seconds.append(time.process_time() - started)
    return BATCH * tokens / min(seconds[1:])


def throughput(arguments: argparse.Namespace) -> None:
    """Measure the rates of all settings; print one line for each."""
    file, with_port = random_tokens(), port_is_here()
    if not with_port:
        print("transformers 4.35.2 cannot be imported; only our columns are shown")
    header = f"{'tokens':>6s} {'width':>5s} {'threads':>7s} {'precision':>9s} {'dropout':>7s}"
    header += "".join(f"{name:>10s}" for name in RECIPES)
    print(header + (f"{'port':>10s} {'official / port':>16s}" if with_port else ""))
    for tokens, width, threads, dropout, precision in itertools.product(
        arguments.lengths,
        arguments.widths,
        arguments.threads,
        arguments.dropout,
        ("float32", "bfloat16"),
    ):
        torch.set_num_threads(threads)
        training = training_config(precision)
        line = f"{tokens:6d} {width:5d} {threads:7d} {precision:>9s} {dropout:7.1f}"
        print(line, end="", flush=True)
        rate = 0.0
        for recipe in RECIPES:
            config = model_config(recipe, width=width, tokens=tokens, dropout=dropout)
            run = TrainingState(file, config, training, seed=0, device=CPU, group=ProcessGroup())
            rate = tokens_per_cpu_second(run, tokens)
            print(f"{rate:10.0f}", end="", flush=True)
        if with_port:
            config = model_config("official", width=width, tokens=tokens, dropout=dropout)
            theirs = tokens_per_cpu_second(PortTraining(file, config, training), tokens)
            print(f"{theirs:10.0f} {rate / theirs:16.1f}", end="")
        print(flush=True)


def _bernoulli_dropout(x: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    if p == 0.0 or generator is None:
        return x
    return x * torch.empty_like(x).bernoulli_(1 - p, generator=generator).div_(1 - p)


def curves(arguments: argparse.Namespace) -> None:
    """Train by the fast and the plain path with each seed; print the losses."""
    torch.set_num_threads(arguments.threads[0])
    file = read_token_file(arguments.curves)
    every = arguments.updates // 6
    results: dict[tuple[str, int], list[dict[str, float]]] = {}
    seconds: dict[str, float] = {"fast": 0.0, "plain": 0.0}
    for path, seed in itertools.product(("fast", "plain"), (0, 1)):
        if path == "plain":
            transformer.dropout = attention.dropout = _bernoulli_dropout
        config = dataclasses.replace(
            model_config("official", width=96, tokens=159, dropout=0.1),
            observation_dim=file.attributes.observation_dim,
            action_dim=file.attributes.action_dim,
            layers=3,
            block_tokens=10 * file.attributes.transition_dim,
            vocabulary=file.attributes.token_count,
        )
        training = training_config(
            "bfloat16" if path == "fast" else "float32",
            batch_size=32,
            held_out_fraction=0.05,
            evaluate_every=every,
            evaluation_windows=256,
        )
        run = TrainingState(file, config, training, seed=seed, device=CPU, group=ProcessGroup())
        run.updates = arguments.updates
        started = time.process_time()
        results[path, seed] = [row for _ in range(run.updates) if (row := run.advance())]
        seconds[path] += time.process_time() - started
    columns = [(seed, path) for seed in (0, 1) for path in ("plain", "fast")]
    for loss in ("train_loss", "held_out_loss"):
        print(f"{loss:14s}" + "".join(f"{f'{path}, seed {seed}':>15s}" for seed, path in columns))
        for i, row in enumerate(results["fast", 0]):
            values = (results[path, seed][i][loss] for seed, path in columns)
            print(f"{row['update']:14.0f}" + "".join(f"{value:15.3f}" for value in values))
    print(f"CPU seconds: plain {seconds['plain']:.0f}, fast {seconds['fast']:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training.")
    parser.add_argument("--lengths", type=int, nargs="+", default=[159, 511])
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 192])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dropout", type=float, nargs="+", default=[0.1, 0.0])
    parser.add_argument("--curves", metavar="TOKENS", help="token file; compares loss curves")
    parser.add_argument("--updates", type=int, default=300)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # transformers 4.35.2 uses deprecated functions of torch
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    if arguments.curves:
        curves(arguments)
    else:
        throughput(arguments)


if __name__ == "__main__":
    main()
