"""Model-based offline policy optimisation (MOPO; Yu et al. 2020, arXiv:2005.13239), in table 1.

First an ensemble learns from the data to predict the next state and the reward. Then soft
actor-critic (TorchRL's loss) learns from short trajectories that the ensemble imagines: they begin
in states of the data, and each reward is reduced by the ensemble's doubt about the transition.

The ensemble is PETS, as in figure 2, whose state has the reward as one dimension more. Three things
differ from the authors' code. A network learns from the data where episodes terminate; theirs has a
hand-written rule for each robot. Imagined states and rewards stay in the range of the data. Doubt
is measured on standardised observations.

Letters: N rows, M members, O observation and A action dimensions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from tto.baselines.actor_critic import (
    ActorCriticConfig,
    ActorCriticTraining,
    Critic,
    action_spec,
    as_batch,
    rows_of,
    state_action_value,
    stochastic,
    transitions_of,
)
from tto.baselines.fitting import train_baseline
from tto.baselines.networks import NetworkPolicy, perceptron
from tto.baselines.pets.ensemble import Ensemble, bound_penalty, gaussian_loss
from tto.baselines.pets.transitions import Examples, Transitions, examples, standardise_by
from tto.data.episodes import EpisodeDataset
from tto.fields import COUNT, POSITIVE, UNITS, Between
from tto.files import StrPath


@dataclass(frozen=True)
class MOPOConfig(ActorCriticConfig):
    """How the ensemble, the actor and the critics are trained.

    Attributes:
        members: networks of the ensemble, M.
        model_hidden: units of each hidden layer of a network of the ensemble.
        model_updates: updates of the ensemble, before those of actor and critics.
        model_learning_rate: learning rate of Adam for the ensemble; falls to 0 as a cosine.
        rollout_length: largest number of steps of an imagined trajectory, h.
        rollout_batch: trajectories that are imagined at once.
        rollout_every: updates after which new trajectories are imagined.
        rollouts_kept: batches of trajectories that are kept.
        real_share: share of the data's own transitions in a batch.
        penalty: weight of the ensemble's doubt in the reward, lambda.
    """

    section: ClassVar[str] = "mopo"

    members: Annotated[int, Between(1, 1000)] = 5
    model_hidden: Sequence[Annotated[int, UNITS]] = (200, 200, 200, 200)
    model_updates: Annotated[int, COUNT] = 20_000
    model_learning_rate: Annotated[float, POSITIVE] = 1e-3
    rollout_length: Annotated[int, COUNT] = 5
    rollout_batch: Annotated[int, COUNT] = 50_000
    rollout_every: Annotated[int, COUNT] = 1000
    rollouts_kept: Annotated[int, COUNT] = 5
    real_share: Annotated[float, Between(0, 1)] = 0.05
    penalty: Annotated[float, Between(0)] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "model_hidden", tuple(self.model_hidden))


def train_mopo(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    seed: int,
    checkpoints: StrPath,
    checkpoint_every: int = 2000,
    device: str = "cpu",
    events: StrPath | None = None,
    **settings: Any,
) -> NetworkPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    Args and errors are those of `tto.baselines.offline_rl.train_offline_rl`; settings are fields of
    `MOPOConfig`. The ensemble is not kept.
    """
    state = train_baseline(
        MOPOTraining,
        dataset,
        transitions_of(dataset),
        MOPOConfig(**settings),
        output,
        seed=seed,
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
        device=device,
        events=events,
    )
    return NetworkPolicy(state.network)


class Imagined(NamedTuple):
    """One imagined step of N trajectories.

    Attributes:
        following: next states.
        rewards: rewards, without the penalty.
        doubts: largest deviation that a member has, over all dimensions.
        terminated: whether the episode ends in the next state.
    """

    following: Float[Tensor, "N O"]
    rewards: Float[Tensor, " N"]
    doubts: Float[Tensor, " N"]
    terminated: Bool[Tensor, " N"]


class WorldModel(nn.Module):
    """An ensemble for next state and reward, and a network for the ends of episodes.

    Observations are standardised and actions are in half ranges of their space.
    """

    def __init__(self, data: Mapping[str, Tensor], config: MOPOConfig) -> None:
        """Draw the initial weights and take the scales of the data."""
        super().__init__()
        O, A = data["observation"].shape[1], data["action"].shape[1]
        self.dynamics = Ensemble(
            O + 1, A, members=config.members, hidden=tuple(config.model_hidden)
        )
        self.ends = perceptron(O, config.hidden, 1)
        self.some_end = bool(data["terminated"].any())
        rewards = data["reward"][:, None]
        seen = torch.cat([data["next_observation"], rewards], dim=1)
        self.lowest, self.highest = nn.Buffer(seen.amin(dim=0)), nn.Buffer(seen.amax(dim=0))
        before = torch.cat([data["observation"], rewards], dim=1)
        standardise_by(self.dynamics, Transitions(before, seen, data["action"]))
        before = self._with_reward(data["observation"])
        self.learned = examples(self.dynamics, Transitions(before, seen, data["action"]))

    def to(self, *arguments: Any, **keywords: Any) -> "WorldModel":
        """Move the networks and what they learn from."""
        super().to(*arguments, **keywords)
        self.learned = self.learned.to(self.dynamics.observation_mean.device)
        return self

    def _with_reward(self, states: Float[Tensor, "*rows O"]) -> Float[Tensor, "*rows S"]:
        """States with a last dimension for the reward: the next one is predicted from its mean."""
        mean = self.dynamics.observation_mean[-1].expand(*states.shape[:-1], 1)
        return torch.cat([states, mean], dim=-1)

    def loss(self, rows: np.ndarray) -> Float[Tensor, ""]:
        """Loss of the ensemble on M batches of transitions, whose numbers are rows `[M, B]`."""
        batch: Examples = self.learned.rows(torch.from_numpy(rows).to(self.lowest.device))
        losses = gaussian_loss(self.dynamics(batch.inputs), batch.targets)
        return (losses + bound_penalty(self.dynamics)).sum()

    def ends_loss(
        self, ended: Float[Tensor, "N O"], others: Float[Tensor, "K O"]
    ) -> Float[Tensor, ""]:
        """Loss of the network for ends: the two kinds of states weigh the same.

        Ends are rare, so in equal shares with the data they would often be missed, and an actor
        lives on in states where the robot has fallen.
        """
        logits = self.ends(torch.cat([ended, others]))[:, 0]
        truth = torch.zeros_like(logits)
        truth[: len(ended)] = 1.0
        weights = torch.where(truth == 1, 0.5 / max(1, len(ended)), 0.5 / len(others))
        return F.binary_cross_entropy_with_logits(logits, truth, weights, reduction="sum")

    @torch.no_grad()
    def step(self, states: Float[Tensor, "N O"], actions: Float[Tensor, "N A"]) -> Imagined:
        """One step, drawn from a member that is drawn for each row.

        It stays in the range of the data: beyond it the ensemble extrapolates without bounds, and
        an actor finds where the extrapolated rewards are highest.
        """
        M, N = self.dynamics.members, len(states)
        found = self.dynamics.predict(
            self._with_reward(states).expand(M, -1, -1), actions.expand(M, -1, -1)
        )
        deviations = (found.log_variance / 2).exp()
        members = torch.randint(M, (N,)).to(states.device)
        row = torch.arange(N, device=states.device)
        noise = torch.randn(found.mean.shape[1:]).to(states.device)
        drawn = found.mean[members, row] + deviations[members, row] * noise
        drawn = drawn.clamp(self.lowest, self.highest)
        following, rewards = drawn[:, :-1], drawn[:, -1]
        doubts = deviations.norm(dim=-1).amax(dim=0)
        ended = self.ends(following)[:, 0] > 0
        return Imagined(following, rewards, doubts, ended & self.some_end)


class MOPOTraining(ActorCriticTraining):
    """The ensemble's updates, then those of soft actor-critic on imagined transitions."""

    method = "mopo"
    config: MOPOConfig

    def __init__(self, data: Mapping[str, Tensor], *arguments: Any, **keywords: Any) -> None:
        super().__init__(data, *arguments, **keywords)
        device = self.data["reward"].device
        on_processor = {name: values.cpu() for name, values in self.data.items()}
        self.model = WorldModel(on_processor, self.config).to(device)
        self.model_optimizer = torch.optim.Adam(self.model.parameters())
        self.imagined = {name: values[:0] for name, values in self.data.items()}
        terminated = on_processor["terminated"].numpy()
        self.end_rows = np.flatnonzero(terminated), np.flatnonzero(~terminated)
        self.updates += self.config.model_updates

    def make_loss(self, critic: Critic) -> Any:
        """Soft actor-critic, whose weight of the entropy is learned."""
        from torchrl.objectives import SACLoss

        return SACLoss(
            stochastic(self.actor),
            state_action_value(critic),
            loss_function="l2",
            action_spec=action_spec(self.actor),
        )

    def parts(self) -> dict[str, Any]:
        """Those of soft actor-critic, the world model and its optimiser."""
        more = {"model": self.model, "model_optimizer": self.model_optimizer}
        return super().parts() | more

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        return super().state_dict() | {"imagined": self.imagined}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict(state)
        device = self.data["reward"].device
        self.imagined = {name: values.to(device) for name, values in state["imagined"].items()}

    def learn(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """One update of the ensemble, or of actor and critics."""
        policy_update = self.update - self.config.model_updates
        if policy_update < 0:
            return self._learn_model(rng)
        if policy_update % self.config.rollout_every == 0:
            self._imagine(rng)
        return super().learn(rng)

    def _learn_model(self, rng: np.random.Generator) -> dict[str, Tensor]:
        config = self.config
        done = self.update / config.model_updates
        for group in self.model_optimizer.param_groups:
            group["lr"] = config.model_learning_rate * (1 + math.cos(math.pi * done)) / 2
        rows = rng.integers(len(self.data["reward"]), size=(config.members, config.batch_size))
        drawn = [
            rng.choice(of, size=min(config.batch_size, len(of))) for of in self.end_rows if len(of)
        ]
        states = self.data["next_observation"]
        losses = {"model": self.model.loss(rows)}
        if len(drawn) == 2:  # without ends in the data, none is ever predicted
            losses["ends"] = self.model.ends_loss(states[drawn[0]], states[drawn[1]])
        self.model_optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.model_optimizer.step()
        return losses

    @torch.no_grad()
    def _imagine(self, rng: np.random.Generator) -> None:
        """Add new trajectories to the imagined transitions and forget the oldest."""
        config = self.config
        rows = rng.integers(len(self.data["reward"]), size=config.rollout_batch)
        states = rows_of(self.data, rows)["observation"]
        parts = [self.imagined]
        for _ in range(config.rollout_length):
            mean, deviation = self.actor(states)
            actions = (mean + deviation * torch.randn(mean.shape).to(mean.device)).tanh()
            step = self.model.step(states, actions)
            parts.append(
                {
                    "observation": states,
                    "action": actions,
                    "next_observation": step.following,
                    "reward": step.rewards - config.penalty * step.doubts,
                    "terminated": step.terminated,
                }
            )
            states = step.following[~step.terminated]
        kept = config.rollout_batch * config.rollout_length * config.rollouts_kept
        self.imagined = {
            name: torch.cat([part[name] for part in parts])[-kept:] for name in self.imagined
        }

    def batch(self, rng: np.random.Generator) -> Any:
        """Imagined transitions, and some of the data."""
        real = round(self.config.real_share * self.config.batch_size)
        parts = [
            rows_of(data, rng.integers(len(data["reward"]), size=size))
            for data, size in ((self.data, real), (self.imagined, self.config.batch_size - real))
        ]
        return as_batch({name: torch.cat([part[name] for part in parts]) for name in self.data})
