"""The policies that collected a dataset, acting on predicted states (section 4.1).

A single-step model predicts states alone: "the usual strategy for predicting trajectories given a
policy is to rollout with a single-step model, with actions supplied by the policy".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tto.baselines.pets.propagation import Act
from tto.data.actors import BehaviorPolicy
from tto.data.collect import collectors, executed
from tto.data.environments import action_bounds, make_env
from tto.data.sb3_agent import SB3Agent
from tto.files import StrPath


@dataclass(frozen=True)
class Behavior:
    """The collecting policies of a dataset.

    Several policies divide the particles by their shares of the dataset, as they divided its
    episodes. A particle keeps its policy.

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

        Args:
            generator: source of the policies' draws and of their noise.
        """
        for policy in self.policies:
            if isinstance(policy, SB3Agent):
                policy.forget()

        def act(step: int, states: Float[Tensor, "N O"]) -> Float[Tensor, "N A"]:
            N = len(states)
            ends = (np.cumsum(self.shares) * N).round().astype(int)[:-1]
            parts = np.split(states.cpu().numpy(), ends)
            actions = [
                executed(policy, part, generator, noise=self.noise, bounds=self.bounds)
                for policy, part in zip(self.policies, parts, strict=True)
                if len(part)
            ]
            return torch.from_numpy(np.concatenate(actions)).to(states.device)

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
