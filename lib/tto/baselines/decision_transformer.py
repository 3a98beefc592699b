"""Decision Transformer (DT; Chen et al. 2021, arXiv:2106.01345): actions by the return asked for.

Concurrent work that the paper discusses. A causal Transformer reads the last K steps as triples of
return-to-go, observation and action, and predicts each action from what comes before it. When it
acts, it is asked for a target return; rewards are subtracted from it as they come. It does not
plan.

Letters: B episodes or windows, T steps of a window, O observation and A action dimensions, C width.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tto.baselines.files import read_baseline, settings_in
from tto.baselines.networks import ScaledNetwork, as_rows
from tto.errors import TTOError
from tto.fields import COUNT, POSITIVE, Between, check_fields
from tto.files import StrPath


@dataclass(frozen=True)
class DTConfig:
    """How the Decision Transformer is built, trained and asked.

    Attributes:
        layers, heads, width: sizes of the Transformer.
        context: number of steps that it sees, K.
        dropout: probability of dropout.
        updates: number of updates.
        batch_size: windows in a batch.
        learning_rate: learning rate of AdamW.
        weight_decay: decoupled decay of all weights.
        warmup_updates: updates over which the learning rate rises from 0.
        target: return that is asked for, as a share of the largest return in the data.
    """

    layers: Annotated[int, Between(1, 1000)] = 3
    heads: Annotated[int, Between(1, 10_000)] = 1
    width: Annotated[int, Between(1, 100_000)] = 128
    context: Annotated[int, Between(1, 100_000)] = 20
    dropout: Annotated[float, Between(0, 1, open_high=True)] = 0.1
    updates: Annotated[int, COUNT] = 100_000
    batch_size: Annotated[int, COUNT] = 64
    learning_rate: Annotated[float, POSITIVE] = 1e-4
    weight_decay: Annotated[float, Between(0)] = 1e-4
    warmup_updates: Annotated[int, Between(0)] = 10_000
    target: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self, "dt")
        if self.width % self.heads:
            raise TTOError(
                f"dt.width: expected a multiple of dt.heads ({self.heads}), got {self.width}"
            )


class DecisionTransformer(ScaledNetwork):
    """The Transformer, and the scales of its inputs.

    Attributes:
        target: return that is asked for.
        return_scale: largest size of a return-to-go in the data; returns-to-go are divided by it.
    """

    def __init__(self, observation_dim: int, action_dim: int, steps: int, config: DTConfig) -> None:
        """Draw the initial weights from PyTorch's global generator.

        Args:
            observation_dim, action_dim: numbers of dimensions.
            steps: longest episode in the data; later steps are embedded like its last one.
            config: sizes.
        """
        super().__init__(observation_dim, action_dim)
        C = config.width
        self.context = config.context
        self.target, self.return_scale = nn.Buffer(torch.zeros(())), nn.Buffer(torch.ones(()))
        self.embed_return = nn.Linear(1, C)
        self.embed_observation = nn.Linear(observation_dim, C)
        self.embed_action = nn.Linear(action_dim, C)
        self.embed_step = nn.Embedding(steps, C)
        nn.init.normal_(self.embed_step.weight, std=0.02)
        self.norm = nn.LayerNorm(C)
        layer = nn.TransformerEncoderLayer(
            C, config.heads, 4 * C, config.dropout, "relu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.last_norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, action_dim)

    def forward(
        self,
        returns: Float[Tensor, "B T"],
        observations: Float[Tensor, "B T O"],
        actions: Float[Tensor, "B T A"],
        steps: Int[Tensor, "B T"],
    ) -> Float[Tensor, "B T A"]:
        """The action at each step, between -1 and 1, from what comes before it.

        Args:
            returns: returns-to-go, undiscounted, in their own units.
            observations: observations in their own units.
            actions: actions in half ranges of the action space; the last one is not read.
            steps: numbers of the steps in their episodes.
        """
        B, T = returns.shape
        place = self.embed_step(steps.clamp(max=self.embed_step.num_embeddings - 1))
        triples = torch.stack(
            [
                self.embed_return((returns / self.return_scale)[..., None]) + place,
                self.embed_observation(self.standardised(observations)) + place,
                self.embed_action(actions) + place,
            ],
            dim=2,
        )
        x = self.norm(triples.reshape(B, 3 * T, -1))
        mask = nn.Transformer.generate_square_subsequent_mask(3 * T, device=x.device)
        x = self.last_norm(self.blocks(x, mask=mask, is_causal=True))
        return self.head(x.view(B, T, 3, -1)[:, :, 1]).tanh()


class DTPolicy:
    """A trained Decision Transformer as a policy of `tto.evaluation.rollout`."""

    def __init__(self, network: DecisionTransformer) -> None:
        self.network = network.eval()
        self.reset()

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Begin new episodes."""
        self.step = 0
        self.past: list[tuple[Tensor, Tensor, Tensor]] = []  # of the last steps, oldest first
        self.asked: Float[Tensor, " B"] | None = None  # returns-to-go now

    @torch.inference_mode()
    def act(
        self,
        observations: Float[np.ndarray, "B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B A"]:
        """The predicted action for each row."""
        network, now = self.network, as_rows(observations)
        if self.asked is None:
            self.asked = network.target.expand(len(now)).clone()
        self.now = (self.asked, now)
        unknown = torch.zeros(len(now), len(network.action_low))
        window = [*self.past, (self.asked, now, unknown)][-network.context :]
        returns, seen, actions = (torch.stack(part, 1) for part in zip(*window, strict=True))
        first = self.step + 1 - len(window)
        steps = torch.arange(first, self.step + 1).expand(len(now), -1)
        chosen = network(returns, seen, network.scaled(actions), steps)[:, -1]
        return (network.middle + network.half_range * chosen).numpy()

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Remember what was done, and ask for that much less."""
        asked, seen = self.now
        self.past.append((asked, seen, as_rows(actions)))
        self.past = self.past[-self.network.context :]
        self.asked = asked - as_rows(rewards)
        self.step += 1


def load_decision_transformer(folder: StrPath) -> DTPolicy:
    """Load the policy in a folder that `train_decision_transformer` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    return DTPolicy(
        read_baseline(folder, _build, what="a Decision Transformer", kind="Decision Transformer")
    )


def _build(config: dict[str, Any], weights: dict[str, Tensor]) -> DecisionTransformer:
    with torch.random.fork_rng(devices=[]):  # the initial weights are replaced
        return DecisionTransformer(
            len(weights["observation_mean"]),
            len(weights["action_low"]),
            len(weights["embed_step.weight"]),
            settings_in(config, DTConfig),
        )
