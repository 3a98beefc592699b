"""One plan step: the cached engine against the uncached one, side by side in this process.

    python benchmarks/planning.py [--threads 1]

Both engines search with random weights at the same settings. Times are medians of CPU seconds; the
ratio is what to quote.
"""

import argparse
import platform
import statistics
import time
from typing import Any

import torch

from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.cached import CachedEngine
from tto.planning.engine import Engine
from tto.planning.search import SearchConfig, Window, return_search
from tto.planning.uncached import UncachedEngine

# name, observation and action dimensions, width, beam width, horizon, context
SETTINGS = [
    ("demo (hopper)", 11, 3, 96, 16, 2, 0),
    ("halfcheetah, one step", 17, 6, 128, 32, 1, 5),
    ("halfcheetah", 17, 6, 128, 32, 5, 5),
]
REPEATS = 3


def plan_seconds(
    engine: Engine, *, sizes: tuple[int, int], beam: int, steps: int, past: int
) -> float:
    """Median CPU seconds of one return search over `steps` transitions."""
    observation_dim, action_dim = sizes
    D = observation_dim + action_dim + 2
    search = SearchConfig(beam_width=beam, horizon=steps, expansion=2)
    contexts = torch.zeros(1, past * D + observation_dim, dtype=torch.long)
    uniforms = torch.rand(1, steps, D, 2 * beam, generator=torch.Generator().manual_seed(0))
    centers = torch.linspace(-1, 1, 100).expand(D, -1)
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        return_search(
            engine,
            contexts,
            config=search,
            observation_dim=observation_dim,
            centers=centers,
            discount=0.99,
            to_go_includes_reward=True,
            window=Window(transition_dim=D, transitions=past + steps),
            uniforms=uniforms,
        )
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one plan step.")
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    print(f"{'setting':24s} {'uncached s':>10s} {'cached s':>10s} {'ratio':>7s}")
    for name, observation_dim, action_dim, width, beam, horizon, past in SETTINGS:
        config = ModelConfig(
            observation_dim=observation_dim,
            action_dim=action_dim,
            vocabulary=100,
            layers=4,
            heads=4,
            width=width,
            block_tokens=(past + horizon) * (observation_dim + action_dim + 2),
        )
        network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))
        settings: dict[str, Any] = dict(
            sizes=(observation_dim, action_dim), beam=beam, steps=horizon, past=past
        )
        uncached = plan_seconds(UncachedEngine(network), **settings)
        cached = plan_seconds(CachedEngine(network), **settings)
        print(f"{name:24s} {uncached:10.3f} {cached:10.3f} {uncached / cached:7.1f}")


if __name__ == "__main__":
    main()
