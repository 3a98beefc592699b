"""The effect of bfloat16 on actions and returns, in paired episodes of one model.

    python benchmarks/planning_precision.py results/demo/models/DATASET/seed0 ENVIRONMENT

Episode i begins in the same state in all runs. In each state of the float32 run, the bfloat16
controller plans too, which gives the share of equal actions. A float32 run with another seed of the
draws shows by how much the returns of two runs differ anyway.
"""

import argparse
import platform

import numpy as np
import torch

import tto
from tto.evaluation.rollout import evaluate
from tto.model.trained import TrainedModel
from tto.planning.controller import Controller
from tto.planning.native import NativeEngine, Precision


class Follower:
    """Acts as one controller, and lets another one plan in the same states."""

    def __init__(self, leader: Controller, follower: Controller) -> None:
        self.leader, self.follower = leader, follower
        self.distances: list[np.ndarray] = []

    def reset(self, goals: np.ndarray | None = None) -> None:
        self.leader.reset(goals)
        self.follower.reset(goals)

    def act(self, observations: np.ndarray, active: np.ndarray) -> np.ndarray:
        actions = self.leader.act(observations, active)
        other = self.follower.act(observations, active)
        self.distances.append(np.abs(actions - other)[active].max(axis=1))
        return actions

    def observe(self, actions: np.ndarray, rewards: np.ndarray) -> None:
        self.leader.observe(actions, rewards)
        self.follower.observe(actions, rewards)


def controller(
    model: TrainedModel, precision: Precision, seed: int, arguments: argparse.Namespace
) -> Controller:
    return Controller(
        model,
        engine=NativeEngine(model.network, precision=precision),
        context=arguments.context,
        beam_width=arguments.beam_width,
        horizon=arguments.horizon,
        action_decode=arguments.action_decode,
        seed=seed,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare float32 with bfloat16 in episodes.")
    parser.add_argument("model")
    parser.add_argument("environment")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=500_000)
    parser.add_argument("--beam-width", type=int, default=32)
    parser.add_argument("--horizon", type=int, default=2)
    parser.add_argument("--context", type=int, default=0)
    parser.add_argument("--action-decode", choices=("best", "mean"), default="mean")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = tto.load(arguments.model)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.episodes)
    plain = controller(model, "float32", 7, arguments)
    reduced = controller(model, "bfloat16", 7, arguments)
    other = controller(model, "float32", 8, arguments)
    pair = Follower(plain, reduced)
    returns = {
        name: np.array([e.total_reward for e in evaluate(p, arguments.environment, seeds=seeds)])
        for name, p in {"float32": pair, "bfloat16": reduced, "float32, other seed": other}.items()
    }
    print(f"{platform.machine()}, torch {torch.__version__}, {arguments.environment}")
    for name, values in returns.items():
        error = values.std(ddof=1) / len(values) ** 0.5
        difference = values - returns["float32"]
        spread = difference.std(ddof=1) / len(values) ** 0.5
        print(
            f"{name:20s} return {values.mean():7.1f} +- {error:5.1f}, "
            f"minus float32's {difference.mean():6.1f} +- {spread:5.1f}"
        )
    distances = np.concatenate(pair.distances)
    O, A = model.tokens.observation_dim, model.tokens.action_dim
    bin_width = np.diff(model.discretizer.edges[O : O + A]).max()
    print(
        f"{len(distances)} states: equal actions in {np.mean(distances == 0):.1%}, within a bin "
        f"({bin_width:.4f}) in {np.mean(distances <= 1.001 * bin_width):.1%}; largest difference "
        f"of an action's element: median {np.median(distances):.4f}, "
        f"99 % {np.quantile(distances, 0.99):.4f}, largest {distances.max():.4f}"
    )


if __name__ == "__main__":
    main()
