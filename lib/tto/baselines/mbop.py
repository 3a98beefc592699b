"""Model-based offline planning (MBOP; Argenson and Dulac-Arnold 2021, arXiv:2008.05556).

A planner on single-step models: an ensemble predicts the next state and the reward, another clones
the data's policies, a third predicts the return of the next steps. At each step N trajectories of H
actions are imagined, guided by the cloned policy and by the last plan; the new plan is their mean,
weighted by the exponential of their returns. It is the closest relative of the Trajectory
Transformer in table 1, without its sequence model.

Letters: B episodes, N trajectories, M members, H steps, O observation and A action dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tto.baselines.files import read_baseline, settings_in
from tto.baselines.networks import Perceptrons, ScaledNetwork, as_rows
from tto.errors import TTOError
from tto.fields import COUNT, POSITIVE, SHARE, UNITS, Between, check_fields
from tto.files import StrPath


@dataclass(frozen=True)
class MBOPConfig:
    """How MBOP's networks are built and trained, and how it plans.

    Attributes:
        members: number of members of each ensemble, M.
        hidden: units of each hidden layer.
        updates: number of updates; the learning rate falls to 0 over them as a cosine.
        batch_size: transitions in the batch of each member.
        learning_rate: initial learning rate of Adam.
        held_out_fraction: fraction of the episodes that is held out; each member keeps the weights
            that predict them best.
        evaluations: number of held-out losses, evenly spaced over the training.
        horizon: steps of a plan, H, and of the return that the value ensemble predicts.
        trajectories: imagined trajectories of a plan, N.
        deviation: standard deviation of the noise on the cloned actions, sigma, in half ranges of
            the action space.
        mixing: share of the last plan in an imagined action, beta.
        sharpness: kappa, which multiplies returns in the weights of trajectories; returns are in
            standard deviations of the data's returns over H steps.
    """

    members: Annotated[int, Between(1, 1000)] = 3
    hidden: Sequence[Annotated[int, UNITS]] = (128, 128)
    updates: Annotated[int, COUNT] = 4000
    batch_size: Annotated[int, COUNT] = 256
    learning_rate: Annotated[float, POSITIVE] = 1e-3
    held_out_fraction: Annotated[float, SHARE] = 0.1
    evaluations: Annotated[int, COUNT] = 20
    horizon: Annotated[int, Between(1, 1000)] = 10
    trajectories: Annotated[int, Between(1, 100_000)] = 99
    deviation: Annotated[float, Between(0)] = 0.05
    mixing: Annotated[float, Between(0, 1)] = 0.2
    sharpness: Annotated[float, Between(0)] = 3.0

    def __post_init__(self) -> None:
        check_fields(self, "mbop")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.trajectories % self.members:
            raise TTOError(
                f"mbop.trajectories: expected a multiple of mbop.members ({self.members}), got "
                f"{self.trajectories}"
            )


class MBOPNetworks(ScaledNetwork):
    """The three ensembles, and the scales of their inputs and outputs.

    Attributes:
        change_std: root mean square `[O]` of the changes of the observation.
        reward_mean, reward_std: mean and standard deviation of the rewards.
        value_mean, value_std: mean and standard deviation of the returns over H steps.
    """

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        *,
        members: int,
        hidden: Sequence[int],
        generator: torch.Generator | None = None,
    ) -> None:
        O, A = observation_dim, action_dim
        super().__init__(O, A)
        self.change_std = nn.Buffer(torch.ones(O))
        self.reward_mean, self.reward_std = nn.Buffer(torch.zeros(())), nn.Buffer(torch.ones(()))
        self.value_mean, self.value_std = nn.Buffer(torch.zeros(())), nn.Buffer(torch.ones(()))

        def ensemble(outputs: int) -> Perceptrons:
            sizes = (O + A, *hidden, outputs)
            return Perceptrons(sizes, members=members, generator=generator)

        self.dynamics, self.policy, self.value = ensemble(O + 1), ensemble(A), ensemble(1)

    def inputs(
        self, observations: Float[Tensor, "*rows O"], actions: Float[Tensor, "*rows A"]
    ) -> Float[Tensor, "*rows I"]:
        """Standardised observation, and an action in half ranges of the action space."""
        return torch.cat([self.standardised(observations), self.scaled(actions)], dim=-1)

    def step(
        self, observations: Float[Tensor, "M B O"], actions: Float[Tensor, "M B A"]
    ) -> tuple[Float[Tensor, "M B O"], Float[Tensor, "M B"]]:
        """The next observation and the reward, in their own units."""
        found = self.dynamics.outputs(self.inputs(observations, actions))
        rewards = self.reward_mean + self.reward_std * found[..., -1]
        return observations + self.change_std * found[..., :-1], rewards

    def cloned(
        self, observations: Float[Tensor, "M B O"], previous: Float[Tensor, "M B A"]
    ) -> Float[Tensor, "M B A"]:
        """The data's action after an observation and the previous action."""
        scaled = self.policy.outputs(self.inputs(observations, previous))
        return self.middle + self.half_range * scaled

    def values(
        self, observations: Float[Tensor, "M B O"], previous: Float[Tensor, "M B A"]
    ) -> Float[Tensor, "M B"]:
        """The return of the next H steps, after an observation and the previous action."""
        found = self.value.outputs(self.inputs(observations, previous))[..., 0]
        return self.value_mean + self.value_std * found


class MBOPPolicy:
    """MBOP-Trajopt (algorithm 1 of its paper) as a policy of `tto.evaluation.rollout`."""

    def __init__(self, networks: MBOPNetworks, config: MBOPConfig, *, seed: int = 0) -> None:
        """Take trained networks.

        Args:
            networks: the three ensembles.
            config: settings of planning.
            seed: seed of the noise.
        """
        self.networks, self.config, self.seed = networks, config, seed
        self.reset()

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Forget the plans so far."""
        self.plans: Float[Tensor, "B H A"] | None = None
        self.generator = torch.Generator().manual_seed(self.seed)

    @torch.inference_mode()
    def act(
        self,
        observations: Float[np.ndarray, "B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B A"]:
        """The first action of a new plan for each episode."""
        start = as_rows(observations)
        B, A, H = len(start), len(self.networks.action_low), self.config.horizon
        if self.plans is None:
            self.plans = torch.zeros(B, H, A)
        shape = (H, self.config.members, B * self.config.trajectories // self.config.members, A)
        noise = torch.randn(shape, generator=self.generator)
        self.plans = plan(self.networks, self.config, start, self.plans, noise)
        return self.plans[:, 0].numpy()

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Do nothing: the policy remembers its own plans."""


def plan(
    networks: MBOPNetworks,
    config: MBOPConfig,
    start: Float[Tensor, "B O"],
    last: Float[Tensor, "B H A"],
    noise: Float[Tensor, "H M rows A"],
) -> Float[Tensor, "B H A"]:
    """One plan for each episode; the first action of `last` was the one just taken.

    Each member imagines N / M trajectories of each episode, `rows` in all.
    """
    B, (H, M, rows, _) = len(start), noise.shape
    each = rows // B
    low, high = networks.action_low, networks.action_high
    states = start.repeat_interleave(each, dim=0).expand(M, -1, -1)
    previous = last[:, 0].repeat_interleave(each, dim=0).expand(M, -1, -1)
    guides = torch.cat([last[:, 1:], last[:, -1:]], dim=1).repeat_interleave(each, dim=0)
    returns, actions, own = torch.zeros(M, rows), [], torch.arange(M)

    def to_all(x: Float[Tensor, "M rows K"]) -> Float[Tensor, "M all K"]:
        """The rows of all members, for each member."""
        return x.reshape(1, -1, x.shape[-1]).expand(M, -1, -1)

    for h in range(H):
        drawn = networks.cloned(states, previous)
        drawn = drawn + config.deviation * networks.half_range * noise[h]
        chosen = (1 - config.mixing) * drawn + config.mixing * guides[:, h]
        chosen = chosen.clamp(low, high)
        following, rewards = networks.step(to_all(states), to_all(chosen))
        returns += rewards.mean(dim=0).view(M, rows)
        states, previous = following.view(M, M, rows, -1)[own, own], chosen
        actions.append(chosen)
    returns += networks.values(to_all(states), to_all(previous)).mean(dim=0).view(M, rows)
    scores = config.sharpness * (returns / networks.value_std).view(M, B, each)
    weights = scores.transpose(0, 1).reshape(B, -1).softmax(dim=-1)
    planned = torch.stack(actions, dim=2).view(M, B, each, H, -1)  # from (M, rows, H, A)
    planned = planned.transpose(0, 1).reshape(B, M * each, H, -1)
    return torch.einsum("bn,bnha->bha", weights, planned)


def load_mbop(folder: StrPath) -> MBOPPolicy:
    """Load the planner in a folder that `train_mbop` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    found: dict[str, Any] = {}

    def build(config: dict[str, Any], weights: dict[str, Tensor]) -> MBOPNetworks:
        found["seed"] = config["seed"]
        found["config"] = settings_in(config, MBOPConfig)
        return MBOPNetworks(
            len(weights["observation_mean"]),
            len(weights["action_low"]),
            members=found["config"].members,
            hidden=tuple(found["config"].hidden),
            generator=torch.Generator(),  # leaves the global one alone
        )

    networks = read_baseline(folder, build, what="an MBOP planner", kind="MBOP")
    return MBOPPolicy(networks, found["config"], seed=found["seed"])
