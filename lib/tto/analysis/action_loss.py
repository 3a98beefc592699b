"""How likely a model finds the actions of an episode, given what it sees when it acts.

A planner feeds the model its own past. If the model gives the actions just taken a much lower
probability than those of held-out data, the past is unlike any that it was trained on, and its
predictions are not to be trusted (distribution shift). `dimensions.csv` holds the loss on held-out
data at the same number of past transitions.

Letters: T transitions, C past transitions, D tokens a transition, N rows, A action dimensions.
"""

import numpy as np
import torch
from jaxtyping import Float, Integer

from tto.data.episode import Episode
from tto.model.trained import TrainedModel
from tto.tokens.tokenize import transition_matrix
from tto.training.loss import next_token_losses

_BATCH = 256  # steps that are evaluated together


def action_losses(
    model: TrainedModel,
    episode: Episode,
    *,
    context: int,
    goal: Float[np.ndarray, " O"] | None = None,
) -> Float[np.ndarray, " T"]:
    """Mean loss of the tokens of each action, in nats, given `context` past transitions.

    The first actions of an episode have fewer transitions before them.

    Args:
        model: trained model.
        episode: episode whose actions are judged.
        context: number of past transitions that the model sees, C.
        goal: the goal of the episode, for a model with goals.
    """
    rows = transition_matrix(episode, **model.tokens.reward_settings)
    tokens = model.discretizer.encode(rows).astype(np.int64)
    T = len(tokens)
    front = np.zeros((1, 0), dtype=np.int64) if goal is None else model.encode_goals(goal[None])
    losses = np.empty(T)
    for past in range(min(context, T - 1) + 1):
        # Steps with all of the context, or the one step that has as many transitions before it.
        steps = np.arange(past, T) if past == context else np.array([past])
        for some in np.array_split(steps, -(-len(steps) // _BATCH)):
            windows = tokens[some[:, None] + np.arange(-past, 1)].reshape(len(some), -1)
            fronts = front.repeat(len(some), axis=0)
            losses[some] = _losses(model, np.hstack([fronts, windows]))
    return losses


@torch.inference_mode()
def _losses(model: TrainedModel, windows: Integer[np.ndarray, "N L"]) -> Float[np.ndarray, " N"]:
    """Mean loss of the action tokens of the last transition of each window."""
    O, A = model.tokens.observation_dim, model.tokens.action_dim
    last = windows.shape[1] - model.config.transition_dim + O  # the first action token
    device = model.network.output.device
    tokens = torch.from_numpy(windows[:, : last + A]).to(device)
    logits = model.network(tokens[:, :-1])[:, last - 1 :, : model.config.vocabulary]
    return next_token_losses(logits, tokens[:, last - 1 :]).double().mean(dim=1).cpu().numpy()
