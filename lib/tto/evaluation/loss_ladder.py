"""Where return is lost between the policies that collected the data and the planner.

Each rung of the ladder adds one thing that TTO does: it sees states and acts through bins, learns
from data, predicts with a Transformer, and searches. The first rung that falls shows what to mend:
bins, learning, decoding or search. All rungs play the same episodes.
"""

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tto.baselines.behavior_cloning import observations_and_actions, train_behavior_cloning
from tto.data.actors import BehaviorPolicy
from tto.data.environments import normalized_score
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.data.ladder import divided
from tto.evaluation.rollout import Policy, evaluate
from tto.evaluation.rollout_file import Evaluation
from tto.model.trained import TrainedModel
from tto.planning.controller import Controller
from tto.tokens.discretizer import Discretizer

COLUMNS = ("dataset", "rung", "seed", "rollout", "return", "score")
# What the Transformer's rungs change in the settings of planning, by name.
TRANSFORMER_RUNGS: dict[str, dict[str, Any]] = {
    "expected action": {"objective": "likelihood", "action_decode": "expected"},
    "drawn action": {"objective": "likelihood", "action_decode": "drawn"},
    "likelihood search": {"objective": "likelihood"},
    "return search": {},
}
RUNGS = (
    "collector",
    "collector through bins",
    "cloning",
    "cloning through bins",
    *TRANSFORMER_RUNGS,
)


class Collectors:
    """The policies that collected a dataset, one for each episode in proportion to their shares."""

    def __init__(
        self, policies: Sequence[BehaviorPolicy], shares: Sequence[float], *, seeds: Sequence[int]
    ) -> None:
        """Choose a policy for each episode; its seed is that of its draws."""
        self.policies = [policies[i] for i in divided(len(seeds), shares)]
        self.generators = [np.random.default_rng(seed) for seed in seeds]

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Do nothing: the policies have no memory."""

    def act(
        self, observations: Float[np.ndarray, "B O"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B A"]:
        """An action of each episode's policy; actions of ended episodes are ignored."""
        rows = zip(self.policies, observations, self.generators, strict=True)
        return np.stack([policy.act(row, generator) for policy, row, generator in rows])

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Do nothing: the policies have no memory."""


class ThroughBins:
    """A policy that sees the centre of each value's bin, and whose actions become such centres."""

    def __init__(self, policy: Policy, discretizer: Discretizer, *, observation_dim: int) -> None:
        """Take the policy and the bins of its observations and actions."""
        self.policy, self.discretizer = policy, discretizer
        self.observation_dim = observation_dim

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Reset the policy."""
        self.policy.reset(goals)

    def act(
        self, observations: Float[np.ndarray, "B O"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B A"]:
        """The policy's action for rounded observations, rounded."""
        seen = rounded(self.discretizer, observations).astype(np.float32)
        actions = self.policy.act(seen, active)
        return rounded(self.discretizer, actions, first=self.observation_dim)

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Pass the rounded actions on."""
        self.policy.observe(actions, rewards)


def rounded(
    discretizer: Discretizer, values: Float[np.ndarray, "N K"], *, first: int = 0
) -> Float[np.ndarray, "N K"]:
    """Values as the centres of their bins, of the dimensions first..first+K-1."""
    return discretizer.decode(discretizer.encode(values, first=first), first=first)


def play_ladder(
    dataset: EpisodeDataset,
    model: TrainedModel,
    cloning: Policy,
    evaluation: Evaluation,
    *,
    rollouts: int,
    behavior_cloning: Mapping[str, Any],
    collectors: tuple[Sequence[BehaviorPolicy], Sequence[float]] | None = None,
) -> pd.DataFrame:
    """Play all rungs and return one row for each episode, with the columns of `COLUMNS`.

    Args:
        dataset: the dataset of the model.
        model: trained Transformer, which searches as its planner says.
        cloning: a trained policy of behaviour cloning.
        evaluation: environment, seeds and labels of the run.
        rollouts: episodes of each rung.
        behavior_cloning: settings of the cloning of rounded states and actions, which is trained
            here.
        collectors: policies that collected the dataset, and their shares; None leaves their rungs
            out.
    """
    seeds = evaluation.reset_seeds(rollouts)
    O = dataset.observation_dim

    def through_bins(policy: Policy) -> ThroughBins:
        return ThroughBins(policy, model.discretizer, observation_dim=O)

    policies: dict[str, Policy] = {}
    if collectors is not None:
        policies["collector"] = Collectors(*collectors, seeds=seeds)
        policies["collector through bins"] = through_bins(Collectors(*collectors, seeds=seeds))
    policies["cloning"] = cloning

    def columns(episode: Episode) -> tuple[np.ndarray, np.ndarray]:
        observations, actions = observations_and_actions(episode)
        rows = rounded(model.discretizer, np.hstack([observations, actions])).astype(np.float32)
        return rows[:, :O], rows[:, O:]

    with tempfile.TemporaryDirectory() as folder:
        policies["cloning through bins"] = through_bins(
            train_behavior_cloning(
                dataset, folder, seed=evaluation.seed, columns=columns, **behavior_cloning
            )
        )
    for rung, changes in TRANSFORMER_RUNGS.items():
        policies[rung] = Controller(model, seed=seeds, **changes)
    rows = []
    for rung, policy in policies.items():
        played = evaluate(
            policy,
            evaluation.env_id,
            seeds=seeds,
            max_steps=evaluation.max_steps,
            description=f"{evaluation.dataset}: {rung}",
        )
        for number, rollout in enumerate(played):
            total = rollout.total_reward
            score = normalized_score(evaluation.env_id, total)
            rows.append((evaluation.dataset, rung, evaluation.seed, number, total, score))
    return pd.DataFrame(rows, columns=list(COLUMNS))
