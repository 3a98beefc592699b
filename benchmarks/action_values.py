"""Does a search rank actions as the simulator does?

    python benchmarks/action_values.py results/table1/models/hopper-medium-v2/seed0 \
        results/table1/datasets/hopper-medium-v2 [--kind medium] [--horizons 1 3] [--masses 1.0 0.4]

On data of one policy, the reward-to-go of an action is the value of that policy after it, and the
simulator can tell it. From recorded states, after as many recorded transitions as the context has,
the model proposes actions and the planner scores them. Then the simulator is set to each state,
takes each action, and the policy that collected the data goes on; returns are discounted as in the
tokens, and a state's actions share the policy's draws. Printed are, as means over states with
their 95 % intervals:

- spread: standard deviation over actions of the planner's scores, and of the true values without
  the noise of the repeats;
- correlation: of scores with true values over a state's actions, and of one half of the repeats
  with the other, r; with all repeats, perfect scores would reach sqrt(2 r / (1 + r));
- gain: mean true value of the half of the actions with the best scores less that of all, and the
  same where the other half of the repeats chooses;
- mean of better half, mean of all: true value of the action that is the mean of these, less the
  mean true value of all actions.
"""

import argparse
import itertools
from pathlib import Path

import gymnasium
import numpy as np
from jaxtyping import Float

from tto.data.actors import BehaviorPolicy
from tto.data.collect import LADDER_KINDS, collectors
from tto.data.environments import make_env
from tto.data.episode import Episode
from tto.data.episodes import open_dataset
from tto.model.trained import TrainedModel, load
from tto.planning.controller import Controller
from tto.report.numbers.statistics import estimate

ROOT = Path(__file__).parents[1]


def recorded_states(
    folder: Path, count: int, context: int, rng: np.random.Generator
) -> list[tuple[Episode, int]]:
    """Random steps of episodes that have a past of `context` transitions."""
    episodes = [e for e in open_dataset(folder, states=True) if len(e) > context]
    lengths = np.array([len(episode) - context for episode in episodes])
    rows = rng.choice(lengths.sum(), size=count, replace=False)
    ends = np.cumsum(lengths)
    found = []
    for row in rows:
        number = int(np.searchsorted(ends, row, side="right"))
        found.append((episodes[number], int(row - ends[number] + lengths[number] + context)))
    return found


def proposals(
    model: TrainedModel,
    states: list[tuple[Episode, int]],
    *,
    horizon: int,
    context: int,
    mass: float,
    count: int,
) -> tuple[Float[np.ndarray, "S N A"], Float[np.ndarray, "S N"]]:
    """First actions of the sequences that the search proposes, all of them, and their scores."""
    controller = Controller(
        model,
        horizon=horizon,
        context=context,
        action_mass=mass,
        beam_width=count,
        expansion=1,
        action_decode="best",
    )
    for back in range(context, 0, -1):
        controller.act(np.stack([episode.observations[t - back] for episode, t in states]))
        controller.observe(
            np.stack([episode.actions[t - back] for episode, t in states]),
            np.array([episode.rewards[t - back] for episode, t in states]),
        )
    controller.act(np.stack([episode.observations[t] for episode, t in states]))
    plan = controller.plan
    assert plan is not None
    O, A = model.tokens.observation_dim, model.tokens.action_dim
    tokens = plan.tokens[:, :, :A].cpu().numpy()
    actions = model.discretizer.centers[O + np.arange(A), tokens]
    return actions.astype(np.float32), plan.scores.cpu().numpy()


def true_values(
    env: gymnasium.Env,
    policy: BehaviorPolicy,
    state: tuple[Episode, int],
    actions: Float[np.ndarray, "N A"],
    *,
    repeats: int,
    steps: int,
    discount: float,
) -> Float[np.ndarray, "N R"]:
    """Discounted returns of actions followed by the policy; repeat i has the same draws for all."""
    episode, t = state
    assert episode.qpos is not None
    assert episode.qvel is not None
    values = np.zeros((len(actions), repeats))
    for n, first in enumerate(actions):
        for repeat in range(repeats):
            generator = np.random.default_rng([repeat, t])
            env.reset(seed=0)
            env.unwrapped.set_state(episode.qpos[t], episode.qvel[t])  # type: ignore[attr-defined]
            action = first
            for k in range(steps):
                observation, reward, terminated, _, _ = env.step(action)
                values[n, repeat] += discount**k * float(reward)
                if terminated:
                    break
                action = policy.act(observation.astype(np.float32), generator)
    return values


def chosen_gain(scores: Float[np.ndarray, "N"], values: Float[np.ndarray, "N"]) -> float:
    """Mean value of the better half by `scores`, less the mean of all."""
    better = np.argsort(-scores)[: len(scores) // 2]
    return float(values[better].mean() - values.mean())


def main() -> None:
    """Print a line for each measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("dataset", type=Path, help="folder of its dataset, collected here")
    parser.add_argument("--kind", default="medium", choices=LADDER_KINDS)
    parser.add_argument("--horizons", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--masses", type=float, nargs="+", default=[1.0], help="action_mass")
    parser.add_argument("--context", type=int, default=3)
    parser.add_argument("--states", type=int, default=32)
    parser.add_argument("--actions", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=16, help="an even number")
    parser.add_argument("--steps", type=int, default=250, help="simulated after each action")
    arguments = parser.parse_args()
    model, S = load(arguments.model), arguments.states
    env = make_env(model.tokens.env)
    [policy], _ = collectors(env, arguments.kind, ROOT / "resources/actors")
    states = recorded_states(arguments.dataset, S, arguments.context, np.random.default_rng(0))
    for horizon, mass in itertools.product(arguments.horizons, arguments.masses):
        actions, scores = proposals(
            model,
            states,
            horizon=horizon,
            context=arguments.context,
            mass=mass,
            count=arguments.actions,
        )
        # They are sorted by score. What a planner plays: the mean of the better half, or of all.
        played = [actions[:, : arguments.actions // 2].mean(axis=1), actions.mean(axis=1)]
        values = np.stack(
            [
                true_values(
                    env.unwrapped,  # without a time limit
                    policy,
                    state,
                    np.concatenate([actions[s], [mean[s] for mean in played]]),
                    repeats=arguments.repeats,
                    steps=arguments.steps,
                    discount=model.tokens.discount,
                )
                for s, state in enumerate(states)
            ]
        )
        values, of_means = values[:, :-2], values[:, -2:].mean(axis=2)
        means = values.mean(axis=2)
        one, other = (values[:, :, half::2].mean(axis=2) for half in (0, 1))
        shared = (one - one.mean(axis=1, keepdims=True)) * (other - other.mean(axis=1)[:, None])
        spread = np.sqrt(max(0.0, shared.sum(axis=1).mean() / (arguments.actions - 1)))
        print(
            f"horizon {horizon}, action_mass {mass:g}; mean true value {means.mean():.1f}, "
            f"true spread {spread:.2f}"
        )
        measures = {
            "spread of scores": scores.std(axis=1, ddof=1),
            "correlation, scores": [np.corrcoef(scores[s], means[s])[0, 1] for s in range(S)],
            "correlation, halves": [np.corrcoef(one[s], other[s])[0, 1] for s in range(S)],
            "gain, scores": [chosen_gain(scores[s], means[s]) for s in range(S)],
            "gain, halves": [chosen_gain(one[s], other[s]) for s in range(S)],
            "mean of better half": of_means[:, 0] - means.mean(axis=1),
            "mean of all": of_means[:, 1] - means.mean(axis=1),
        }
        for name, numbers in measures.items():
            print(f"  {name:22s} {estimate([np.array([n]) for n in numbers]).text(2, signed=True)}")


if __name__ == "__main__":
    main()
