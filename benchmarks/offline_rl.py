"""Baselines of offline RL on hopper-medium-replay: CPU seconds of training, and returns.

    python benchmarks/offline_rl.py [--methods bc cql mopo ...] [--seeds 0 1] [--episodes 10]

Settings are those of config/config.yaml. 100,000 transitions are collected first. Each training has
one thread, and episodes start from first states that no run reports.
"""

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from tto.baselines.policies import load_policy, train_policy
from tto.data.collect import collect
from tto.data.episodes import open_dataset, write_dataset
from tto.evaluation.rollout import evaluate, evaluation_seeds
from tto.methods import BASELINES, SECTIONS

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
ENV, NAME = "Hopper-v5", "hopper-medium-replay-v2"
OFFSET = 800_000  # offset of the reset seeds, which differs from those of trials and of results


def trained(folder: Path, method: str, seed: int) -> Any:
    """A policy of a method, trained anew."""
    dataset, output = open_dataset(folder / NAME), folder / f"{method}-{seed}"
    checkpoints = folder / "checkpoints" / str(time.time_ns())
    settings = CONFIG[SECTIONS[method]]
    train_policy(dataset, output, method=method, seed=seed, checkpoints=checkpoints, **settings)
    return load_policy(output).policy


def main() -> None:
    """Train each method with each seed and print a row for each method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=list(BASELINES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=ROOT / "results/benchmarks/offline_rl")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not (arguments.folder / NAME).is_dir():
        actors = ROOT / "resources/actors"
        episodes = collect(
            ENV, "medium-replay", transitions=100_000, seed=0, noise=0.1, actors=actors
        )
        write_dataset(arguments.folder / NAME, episodes, env_id=ENV, algorithm="-", description="-")
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    print("| method | training, CPU s | CPU ms an action | return of each model |")
    print("|---|---:|---:|---|")
    for method in arguments.methods:
        seconds, times, returns = [], [], []
        for seed in arguments.seeds:
            started = time.process_time()
            policy = trained(arguments.folder, method, seed)
            seconds.append(time.process_time() - started)
            seeds = evaluation_seeds(seed=seed, rollouts=arguments.episodes, offset=OFFSET)
            played = evaluate(policy, ENV, seeds=seeds)
            times += [1000 * np.median(rollout.plan_seconds / rollout.batch) for rollout in played]
            returns.append(np.mean([rollout.total_reward for rollout in played]))
        shown = ", ".join(f"{value:.0f}" for value in returns)
        costs = f"{np.mean(seconds):.0f} | {np.mean(times):.2f}"
        print(f"| {method} | {costs} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
