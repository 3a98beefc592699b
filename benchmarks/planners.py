"""Returns of a few planners with the same models, and paired differences.

    python benchmarks/planners.py results/sweeps/models/hopper-medium-replay-v2/seed? --episodes 10
    python benchmarks/planners.py MODEL --planners "context 3, horizon 3, mean" \
        "context 0, horizon 3, mean"
    python benchmarks/planners.py MODELS --precisions

Differences are paired over models, or over first states if there is one model. The last command
compares the first planner in float32 and in bfloat16, and in float32 with other
draws, which shows how much returns differ anyway. The planners start from the same first states,
which are not those of reported results. Behaviour cloning is added if the models' run has trained
it.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from tto.baselines.behavior_cloning import load_behavior_cloning
from tto.evaluation.rollout import Policy, evaluate, evaluation_seeds
from tto.model.trained import TrainedModel, load
from tto.planning.controller import Controller
from tto.report.numbers.statistics import difference_of

OFFSET = 800_000  # offset of the reset seeds, which differs from those of trials and of results
PLANNERS: dict[str, dict[str, Any]] = {
    "context 3, horizon 3, mean": {"context": 3, "horizon": 3, "action_decode": "mean"},
    "context 3, horizon 3, best": {"context": 3, "horizon": 3},
    "context 0, horizon 3, mean": {"context": 0, "horizon": 3, "action_decode": "mean"},
    "context 3, horizon 1, mean": {"context": 3, "horizon": 1, "action_decode": "mean"},
    "context 0, horizon 1, mean": {"context": 0, "horizon": 1, "action_decode": "mean"},
    "likelihood, context 3": {
        "objective": "likelihood",
        "context": 3,
        "horizon": 3,
        "action_decode": "mean",
    },
}
COMPARED = list(PLANNERS)
# Those of imitation in config/local.yaml
LIKELIER = {"objective": "likelihood", "token_search": False, "action_top": 1.0, "context": 0}
LIKELIER |= {"beam_width": 64, "action_decode": "mean"}
PLANNERS |= {f"imitation, horizon {steps}": LIKELIER | {"horizon": steps} for steps in (1, 2)}
FIRST = next(iter(PLANNERS.values()))
PRECISIONS: dict[str, dict[str, Any]] = {
    "float32": FIRST,
    "bfloat16": FIRST | {"precision": "bfloat16"},
    "float32, other draws": FIRST | {"other_draws": True},
}
OTHER = 10_000  # added to the seeds of other draws


def player(model: TrainedModel, settings: dict[str, Any], seeds: list[int]) -> Controller:
    """A planner with some settings, whose draws have the same seeds as the first states."""
    settings = {"precision": "float32", **settings}
    shift = OTHER * settings.pop("other_draws", False)
    return Controller(model, seed=[seed + shift for seed in seeds], **settings)


def returns(policy: Policy, env: str, seeds: list[int]) -> np.ndarray:
    """Returns of one episode for each reset seed."""
    return np.array([rollout.total_reward for rollout in evaluate(policy, env, seeds=seeds)])


def main() -> None:
    """Play all planners with all models and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="folders of models, one a seed")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--planners", nargs="+", default=COMPARED, choices=list(PLANNERS))
    parser.add_argument("--precisions", action="store_true", help="float32 against bfloat16")
    arguments = parser.parse_args()
    chosen = {name: PLANNERS[name] for name in arguments.planners}
    planners = PRECISIONS if arguments.precisions else chosen
    found: dict[str, dict[int, np.ndarray]] = {}
    for number, folder in enumerate(arguments.models):
        model = load(folder)
        env = model.tokens.env
        seeds = evaluation_seeds(seed=number, rollouts=arguments.episodes, offset=OFFSET)
        for name, settings in planners.items():
            controller = player(model, settings, seeds)
            found.setdefault(name, {})[number] = returns(controller, env, seeds)
            played = found[name][number]
            print(
                f"{folder.name} {name}: {played.mean():.0f}, lowest {played.min():.0f}", flush=True
            )
        run = folder.parents[2]
        cloned = run / "baselines" / folder.parent.name / "bc" / folder.name
        if cloned.is_dir():
            policy = load_behavior_cloning(cloned)
            cloning = returns(policy, env, seeds)
            found.setdefault("behaviour cloning", {})[number] = cloning
            print(f"{folder.name} behaviour cloning: {cloning.mean():.0f}", flush=True)
    first = next(iter(found))
    print(f"| planner | return | {first} less this |\n|---|---:|---:|")
    for name, by_seed in found.items():
        mean = np.mean([values.mean() for values in by_seed.values()])
        less = None if name == first else difference_of(found[first], by_seed)
        shown = "" if less is None else less.text(0, signed=True)
        print(f"| {name} | {mean:.0f} | {shown} |")


if __name__ == "__main__":
    main()
