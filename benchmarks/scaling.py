"""The cost of the whole paper, computed from a machine's measured rates.

    python benchmarks/scaling.py [--training 6100] [--plans 1.76 3.93] [--workers 2]

The number of tokens follows from config/paper.yaml or config/official.yaml and D4RL's transitions.
Rates are measured by benchmarks/training.py (tokens per second of one worker, which is a core or a
GPU) and benchmarks/planning.py (seconds of one plan, for hopper's 16 tokens in a transition and for
the 25 of the others). Different models are independent and run in waves, one on each worker.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TRANSITION_DIM = {"hopper": 16, "halfcheetah": 25, "walker2d": 25}
# D4RL v2 (Fu et al. 2020)
TRANSITIONS = {"medium": 1_000_000, "medium-expert": 2_000_000}
REPLAY = {"hopper": 402_000, "halfcheetah": 202_000, "walker2d": 302_000}
STEPS = 1000  # largest number of steps of an episode


def merged(name: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    overlay = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    for key, value in overlay.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    config["datasets"] = overlay["datasets"]
    return config


def model_tokens(config: dict[str, Any], dataset: str) -> float:
    """Number of tokens that one model of a dataset is trained on."""
    robot, kind = dataset.removesuffix("-v2").split("-", 1)
    D = TRANSITION_DIM[robot]
    rows = TRANSITIONS.get(kind) or REPLAY[robot]
    training = config["training"] | config["training"]["overrides"].get(dataset, {})
    if training["epoch"] == "tokens":
        return training["epochs"] * rows * D
    window = min(config["model"]["block_tokens"] // D, config["model"]["max_transitions"] or rows)
    return max(1, int(1e6 / rows * training["epochs"])) * rows * window * D


def cost(
    name: str, *, training: float, plans: tuple[float, float], workers: Sequence[int]
) -> Iterator[str]:
    """Lines about what a config costs.

    Args:
        name: config in the folder config/.
        training: tokens per second of a worker.
        plans: seconds of a plan for one episode, for hopper and for the others.
        workers: numbers of workers.
    """
    config = merged(name)
    seeds, rollouts = len(config["seeds"]), config["rollouts"]
    tokens = {name: model_tokens(config, name) for name in config["datasets"]}
    hours = [tokens[name] / training / 3600 for name in tokens for _ in range(seeds)]
    hopper = sum(name.startswith("hopper") for name in tokens)
    shares = (hopper, len(tokens) - hopper)
    planning = sum(n * s for n, s in zip(shares, plans, strict=True))
    planning *= seeds * rollouts * STEPS / 3600
    total = seeds * sum(tokens.values())
    yield f"{len(hours)} models, {total:.3g} tokens; the longest takes {max(hours):.1f} h"
    yield f"training {sum(hours):.0f} worker hours, planning {planning:.0f} worker hours"
    for count in workers:
        ideal = max(max(hours), sum(hours) / count)
        waves = math.ceil(len(hours) / count)
        yield (
            f"{count:4d} workers: training {ideal:.1f} h at best ({waves} waves), "
            f"planning {planning / min(count, len(hours)):.1f} h"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of the whole paper.")
    parser.add_argument("--config", choices=["paper", "official"], default="paper")
    parser.add_argument("--training", type=float, default=6100.0, help="tokens/s of a worker")
    parser.add_argument(
        "--plans", type=float, nargs=2, default=[1.76, 3.93], help="s of a plan: hopper, the others"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    arguments = parser.parse_args()
    lines = cost(
        arguments.config,
        training=arguments.training,
        plans=arguments.plans,
        workers=arguments.workers,
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
