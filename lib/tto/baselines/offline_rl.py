"""Offline reinforcement learning without models or plans: CQL, IQL and TD3+BC, by TorchRL's losses.

CQL (Kumar et al. 2020, arXiv:2006.04779) is a baseline of the paper's table 1. IQL (Kostrikov et
al. 2021, arXiv:2110.06169) and TD3+BC (Fujimoto and Gu 2021, arXiv:2106.06860) came later. All
three learn an actor and two critics from transitions; they differ in how they keep the actor near
the data.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from torch import Tensor, nn

from tto.baselines.actor import Actor
from tto.baselines.actor_critic import (
    ActorCriticConfig,
    ActorCriticTraining,
    Critic,
    action_spec,
    state_action_value,
    stochastic,
    transitions_of,
)
from tto.baselines.fitting import train_baseline
from tto.baselines.networks import NetworkPolicy, perceptron
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.fields import COUNT, SHARE, Between
from tto.files import StrPath

METHODS = ("cql", "iql", "td3_bc")


@dataclass(frozen=True)
class OfflineRLConfig(ActorCriticConfig):
    """How actor and critics are trained; each method reads some of the settings.

    Attributes:
        expectile: expectile of the value function (IQL).
        inverse_temperature: weight of the advantage in the actor's loss (IQL).
        value_weight: weight of the critic beside cloning, alpha (TD3+BC).
        conservatism: weight of the penalty for values of unseen actions, alpha (CQL).
        sampled_actions: actions that the penalty compares with the data's (CQL).
        cloning_updates: first updates, in which the actor clones the data (CQL).
    """

    expectile: Annotated[float, SHARE] = 0.7
    inverse_temperature: Annotated[float, Between(0)] = 3.0
    value_weight: Annotated[float, Between(0)] = 2.5
    conservatism: Annotated[float, Between(0)] = 5.0
    sampled_actions: Annotated[int, COUNT] = 10
    cloning_updates: Annotated[int, Between(0)] = 0


def train_offline_rl(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    method: str,
    seed: int,
    checkpoints: StrPath,
    checkpoint_every: int = 2000,
    device: str = "cpu",
    events: StrPath | None = None,
    **settings: Any,
) -> NetworkPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    An interrupted training resumes from its last checkpoint, and the interruption does not change
    the result. SIGTERM and SIGINT stop the training after a checkpoint.

    Args:
        method: "cql", "iql" or "td3_bc".
        seed: seed of the initial weights, the batches and the noise.
        checkpoints: folder of the checkpoints of all trainings.
        checkpoint_every: updates between checkpoints and rows of metrics.csv.
        device: device of networks and data.
        events: folder of TensorBoard's event files; None writes no events.
        settings: fields of `OfflineRLConfig`.

    Raises:
        TTOError: an unknown method, a bad setting, a loss that is not finite, or a signal to stop.
    """
    if method not in METHODS:
        raise TTOError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    config = OfflineRLConfig(**settings)
    state = train_baseline(
        _TRAININGS[method],
        dataset,
        transitions_of(dataset),
        config,
        output,
        seed=seed,
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
        device=device,
        events=events,
    )
    return NetworkPolicy(state.network)


class _CQL(ActorCriticTraining):
    """Conservative Q-learning: values of other actions than the data's are pushed down."""

    method = "cql"
    config: OfflineRLConfig

    def make_loss(self, critic: Critic) -> Any:
        from torchrl.objectives import CQLLoss

        return CQLLoss(
            stochastic(self.actor),
            state_action_value(critic),
            loss_function="l2",
            action_spec=action_spec(self.actor),
            min_q_weight=self.config.conservatism,
            num_random=self.config.sampled_actions,
        )

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """In the first updates the actor clones."""
        found = super().losses(batch)
        clones = self.update < self.config.cloning_updates
        del found["actor" if clones else "actor_bc"]
        return found


class _IQL(ActorCriticTraining):
    """Implicit Q-learning: a value's upper expectile, and cloning weighted by the advantage."""

    method = "iql"
    config: OfflineRLConfig

    def make_loss(self, critic: Critic) -> Any:
        from torchrl.modules import ValueOperator
        from torchrl.objectives import IQLLoss

        O = len(self.actor.observation_mean)
        value = perceptron(O, self.config.hidden, 1).to(self.actor.action_low.device)
        return IQLLoss(
            stochastic(self.actor),
            state_action_value(critic),
            ValueOperator(value, in_keys=["observation"]),
            loss_function="l2",
            temperature=self.config.inverse_temperature,
            expectile=self.config.expectile,
        )


class _TD3BC(ActorCriticTraining):
    """TD3 whose actor also clones; it learns at every other update."""

    method = "td3_bc"
    config: OfflineRLConfig

    def make_loss(self, critic: Critic) -> Any:
        from tensordict.nn import TensorDictModule
        from torchrl.objectives import TD3BCLoss

        return TD3BCLoss(
            TensorDictModule(_Mean(self.actor), in_keys=["observation"], out_keys=["action"]),
            state_action_value(critic),
            action_spec=action_spec(self.actor),
            loss_function="l2",
            alpha=self.config.value_weight,
        )

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """The critics' loss, and the actor's at even updates."""
        found = super().losses(batch)
        if self.update % 2:
            del found["actor"]
        return found


class _Mean(nn.Module):
    """An actor's mean action."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, observations: Tensor) -> Tensor:
        return self.actor(observations)[0].tanh()


_TRAININGS: dict[str, type[ActorCriticTraining]] = {
    training.method: training for training in (_CQL, _IQL, _TD3BC)
}
