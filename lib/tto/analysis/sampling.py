"""Trajectories sampled from a Transformer, and the marginals of their states (section 4.1).

All tokens are drawn at temperature 1, except for actions that are given. The marginal of each step
and dimension is the mean of the model's conditional distribution over the sampled trajectories.
This estimate has a lower variance than counts of the drawn tokens, and no empty bins.

The context slides by whole transitions as in planning (`tto.planning.search.Window`): when a block
is full, it is encoded again without its oldest transition; until then, keys and values are cached.
Trajectories are drawn in chunks, so that memory does not grow with their number.

Letters: N trajectories, T steps, L context tokens, D tokens a transition, O and A observation and
action dimensions, V bins.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.planning.search import Window
from tto.tokens.token_file import token_dtype

MEMORY = 2**30  # bytes for the keys, values and activations of one chunk
_FLOATS = 14  # activations of a token in one layer, relative to the width, while a block is encoded


@dataclass(frozen=True)
class Samples:
    """Trajectories from one start.

    Attributes:
        observations: tokens of the T states after the start. In masked data the mask token V means
            that the model drew a hidden dimension.
        marginals: mean of the N conditional distributions over the V bins for each of these states
            and dimensions, given that the dimension is not hidden.
    """

    observations: Integer[np.ndarray, "N T O"]
    marginals: Float[np.ndarray, "T O V"]


@torch.inference_mode()
def sample(
    model: TrainedModel,
    context: Integer[np.ndarray, " L"],
    *,
    steps: int,
    trajectories: int,
    rng: np.random.Generator,
    actions: Integer[np.ndarray, "T A"] | None = None,
    engine: Engine | None = None,
    memory: int = MEMORY,
) -> Samples:
    """Sample trajectories that continue `context`.

    Args:
        model: trained model.
        context: tokens of whole past transitions and of the observation to start from.
        steps: number T of states to predict.
        trajectories: number N of trajectories.
        rng: generator of all draws; those of a trajectory do not depend on the chunks.
        actions: tokens of the actions of each step, used in place of drawn ones.
        engine: engine that computes the logits; by default the fastest one.
        memory: bytes for one chunk, which has at least one trajectory.

    Raises:
        TTOError: the model has goals or a block of a single transition, or the context or actions
            have another size.
    """
    plan = _Plan(model, context, steps, actions)
    engine = engine or fastest_engine(model.network)
    rows = chunk_rows(model.config, memory)
    O, V = model.tokens.observation_dim, model.tokens.vocabulary
    sums = torch.zeros(steps, O, V, dtype=torch.float64, device=model.network.output.device)
    drawn = []
    for first in range(0, trajectories, rows):
        count = min(rows, trajectories - first)
        uniforms = rng.random((count, plan.tokens), dtype=np.float32)
        drawn.append(_sample_chunk(engine, plan, torch.from_numpy(uniforms), sums))
    observations = np.concatenate(drawn)
    return Samples(observations, (sums / trajectories).cpu().numpy())


def chunk_rows(config: ModelConfig, memory: int) -> int:
    """Number of trajectories, at least 1, whose keys, values and activations fit into `memory`.

    Args:
        config: sizes of the model.
        memory: number of bytes.
    """
    floats = config.block_size * config.width * (2 * 2 * config.layers + _FLOATS)
    return max(1, memory // (4 * floats))


class _Plan:
    """The T * D tokens to draw, from the first action to the last observation."""

    def __init__(
        self,
        model: TrainedModel,
        context: Integer[np.ndarray, " L"],
        steps: int,
        actions: Integer[np.ndarray, "T A"] | None,
    ) -> None:
        config, D = model.config, model.config.transition_dim
        O, A = config.observation_dim, config.action_dim
        if config.goal:
            raise TTOError("sampling: expected a model without goals, got one with goals")
        if config.block_transitions < 2:
            raise TTOError(
                f"sampling: expected a block of two transitions at least, got {config.block_size} "
                f"tokens of {D} a transition; raise model.block_tokens and train again"
            )
        if len(context) % D != O or len(context) > config.block_size:
            raise TTOError(
                f"sampling: expected a context of whole transitions ({D} tokens) and {O} tokens of "
                f"an observation, {config.block_size} at most, got {len(context)} tokens"
            )
        if actions is not None and actions.shape != (steps, A):
            raise TTOError(f"sampling: expected {steps, A} action tokens, got {actions.shape}")
        device = model.network.output.device
        self.context = torch.as_tensor(context.astype(np.int64), device=device)
        self.observation_dim, self.transition_dim = O, D
        self.bins, self.token_count = model.tokens.vocabulary, config.vocabulary
        self.steps, self.tokens = steps, steps * D
        self.window = Window(D, config.block_transitions)
        self.actions = None if actions is None else torch.as_tensor(actions.astype(np.int64))

    def given(self, position: int) -> int | None:
        """The given token at a position of the sequence, or None if the token is drawn."""
        step, dimension = divmod(position, self.transition_dim)
        step -= len(self.context) // self.transition_dim
        action = dimension - self.observation_dim
        if self.actions is None or not 0 <= action < self.actions.shape[1]:
            return None
        return int(self.actions[step, action])


def _sample_chunk(
    engine: Engine, plan: _Plan, uniforms: Float[Tensor, "N tokens"], sums: Float[Tensor, "T O V"]
) -> Integer[np.ndarray, "N T O"]:
    """Draw one trajectory for each row; add the conditional distributions of states to `sums`."""
    N, L = len(uniforms), len(plan.context)
    uniforms = uniforms.to(sums.device)
    sequences = plan.context.new_empty(N, L + plan.tokens)
    sequences[:, :L] = plan.context
    room = plan.window.room(plan.context[None], plan.tokens)
    logits = engine.start(plan.context[None], length=room).expand(N, -1)
    engine.select(torch.zeros(N, dtype=torch.long, device=sums.device))
    for place in range(L, L + plan.tokens):
        probabilities = logits.float().softmax(dim=-1)
        step, dimension = divmod(place - L + plan.observation_dim, plan.transition_dim)
        if dimension < plan.observation_dim:
            seen = probabilities[:, : plan.bins]
            seen = seen / seen.sum(dim=-1, keepdim=True)
            sums[step - 1, dimension] += seen.sum(dim=0, dtype=torch.float64)
        given = plan.given(place)
        tokens = draw(probabilities, uniforms[:, place - L])
        sequences[:, place] = tokens if given is None else given
        if place + 1 < L + plan.tokens:
            logits = _advance(engine, plan, sequences[:, : place + 1])
    states = sequences[:, L:].view(N, plan.steps, -1)[:, :, -plan.observation_dim :]
    return states.cpu().numpy().astype(token_dtype(plan.token_count))


def draw(
    probabilities: Float[Tensor, "N V"], uniforms: Float[Tensor, " N"]
) -> Integer[Tensor, " N"]:
    """Draw one token for each row, by inverting the cumulative sum of its probabilities."""
    cumulative = probabilities.cumsum(dim=-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, target, right=True)[:, 0]
    return tokens.clamp(max=probabilities.shape[1] - 1)


def _advance(
    engine: Engine, plan: _Plan, sequences: Integer[Tensor, "N L"]
) -> Float[Tensor, "N V"]:
    """Logits after the last token; a full block is encoded again without its oldest transition."""
    length, left = sequences.shape[1], len(plan.context) + plan.tokens - sequences.shape[1]
    if not plan.window.is_full(length):
        return engine.append(sequences[:, -1])
    kept = plan.window.keep(sequences)
    return engine.start(kept, length=plan.window.room(kept, left))
