"""One episode in real time: the environment does not wait for the controller.

    python benchmarks/real_time.py MODEL ENVIRONMENT [--budget-ms 50] [--precision bfloat16]

Each plan begins with an observation and may take one control period of the environment (`dt`:
HalfCheetah 50 ms, Hopper 8 ms). For each further period, the environment makes a step with the
action of the previous plan, which the controller does not observe. `Controller(budget_ms=...)`
chooses beam width and horizon. For comparison, the same settings and an unconstrained plan
(`--beam-width`, `--horizon`) are run with an environment that waits.
"""

import argparse
import logging
import platform
import time
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import torch

import tto
from tto.data.environments import make_env
from tto.planning.controller import Controller
from tto.planning.fastest import fastest_engine


@dataclass
class Episode:
    """Return and length of an episode, and the milliseconds of each plan."""

    total_reward: float = 0.0
    steps: int = 0
    plan_ms: list[float] = field(default_factory=list)


def run(
    controller: Controller,
    environment: gymnasium.Env,
    *,
    seed: int,
    period_ms: float | None,
    max_steps: int | None,
) -> Episode:
    """Play one episode; with `period_ms`, the environment does not wait for the controller."""
    controller.reset()
    episode, over = Episode(), False
    observation, _ = environment.reset(seed=seed)
    assert isinstance(environment.action_space, gymnasium.spaces.Box)
    low, high = environment.action_space.low, environment.action_space.high
    held = np.zeros(environment.action_space.shape, dtype=np.float32)

    def step(action: np.ndarray) -> float:
        nonlocal observation, over
        observation, reward, terminated, truncated, _ = environment.step(action)
        episode.total_reward += float(reward)
        episode.steps += 1
        over = terminated or truncated or episode.steps == max_steps
        return float(reward)

    while not over:
        started = time.perf_counter()
        action = controller.act(observation).clip(low, high).astype(np.float32)
        episode.plan_ms.append(1e3 * (time.perf_counter() - started))
        if period_ms is not None:
            late = int(episode.plan_ms[-1] / period_ms)
            for _ in range(late):
                if not over:
                    step(held)
            if over:
                break
            time.sleep(max(0.0, (late + 1) * period_ms - episode.plan_ms[-1]) / 1e3)
        controller.observe(action, np.array(step(action)))
        held = action
    return episode


def report(name: str, controller: Controller, episode: Episode, period_ms: float) -> None:
    times, search = np.array(episode.plan_ms), controller.search
    print(
        f"{name:24s} beam {search.beam_width:4d} horizon {search.horizon:2d}: return "
        f"{episode.total_reward:7.1f} in {episode.steps} steps; {np.mean(times <= period_ms):6.1%} "
        f"of {len(times)} plans within {period_ms:g} ms, median {np.median(times):.1f}, "
        f"99 % {np.quantile(times, 0.99):.1f}, longest {times.max():.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Run an episode in real time.")
    parser.add_argument("model")
    parser.add_argument("environment")
    parser.add_argument("--budget-ms", type=float, help="default: the control period")
    parser.add_argument("--context", type=int, default=5)
    parser.add_argument("--beam-width", type=int, default=32, help="for the unconstrained plan")
    parser.add_argument("--horizon", type=int, default=5, help="for the unconstrained plan")
    parser.add_argument("--action-decode", choices=("best", "mean"), default="mean")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--seed", type=int, default=500_000)
    parser.add_argument("--max-steps", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model, environment = tto.load(arguments.model), make_env(arguments.environment)
    period_ms = 1e3 * float(environment.unwrapped.dt)  # type: ignore[attr-defined]
    engine = fastest_engine(model.network, precision=arguments.precision)
    common: dict[str, Any] = dict(
        engine=engine, context=arguments.context, action_decode=arguments.action_decode, seed=7
    )
    print(
        f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{arguments.environment}, control period {period_ms:g} ms, {arguments.precision}"
    )
    fitted = Controller(model, budget_ms=arguments.budget_ms or period_ms, **common)
    free = Controller(model, beam_width=arguments.beam_width, horizon=arguments.horizon, **common)
    for name, controller, period in (
        ("in real time", fitted, period_ms),
        ("the same, waiting", fitted, None),
        ("unconstrained, waiting", free, None),
    ):
        episode = run(
            controller,
            environment,
            seed=arguments.seed,
            period_ms=period,
            max_steps=arguments.max_steps,
        )
        report(name, controller, episode, period_ms)


if __name__ == "__main__":
    main()
