"""The policies that collected a dataset, acting on predicted states (section 4.1).

A single-step model predicts states alone: "the usual strategy for predicting trajectories given a
policy is to rollout with a single-step model, with actions supplied by the policy".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.baselines.pets.propagation import Act
from tto.data.actors import BehaviorPolicy
from tto.data.collect import collectors, executed
from tto.data.environments import action_bounds, make_env
from tto.data.ladder import divided
from tto.data.sb3_agent import SB3Agent
from tto.files import StrPath


@dataclass(frozen=True)
class Behavior:
    """The collecting policies of a dataset.

    Several policies divide the particles by their shares of the dataset, at random. A particle
    keeps its policy.

    Attributes:
        policies: the policies.
        shares: share of the dataset that each collected.
        noise: standard deviation of the noise on deterministic policies' actions, as a share of
            half the action range.
        bounds: lowest and highest action.
    """

    policies: Sequence[BehaviorPolicy]
    shares: Sequence[float]
    noise: float
    bounds: tuple[Float[np.ndarray, "A"], Float[np.ndarray, "A"]]

    def acting(self, generator: np.random.Generator) -> Act:
        """Return the actions of particles that begin an episode.

        The policies see whole states, as they did when they collected, also where a model sees
        masked ones.

        Args:
            generator: source of the policies' draws, of their noise and of who acts for whom.
        """
        for policy in self.policies:
            if isinstance(policy, SB3Agent):
                policy.forget()
        owners: list[Int[np.ndarray, " N"]] = []

        def act(step: int, states: Float[Tensor, "N O"]) -> Float[Tensor, "N A"]:
            if not step:
                owners[:] = [generator.permutation(divided(len(states), self.shares))]
            seen = states.cpu().numpy()
            actions = np.empty((len(seen), len(self.bounds[0])), np.float32)
            for number, policy in enumerate(self.policies):
                rows = owners[0] == number
                if rows.any():
                    actions[rows] = executed(
                        policy, seen[rows], generator, noise=self.noise, bounds=self.bounds
                    )
            return torch.from_numpy(actions).to(states.device)

        return act


def find_behavior(
    env: str,
    kind: str,
    *,
    actors: StrPath,
    noise: float,
    agent: Mapping[str, Any] | None = None,
) -> Behavior:
    """Find the policies that collect a dataset; the arguments are those of `collect`.

    Raises:
        TTOError: the robot has no ladder, or a policy does not fit the environment.
    """
    with make_env(env) as made:
        policies, shares = collectors(made, kind, actors, agent)
        bounds = action_bounds(made)
    return Behavior(policies, shares, noise, bounds)
