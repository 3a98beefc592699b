"""Judge the actions of evaluated episodes by the model that planned them.

A loss far above that of held-out data says that the model saw a past unlike its training data.
"""

import dataclasses
from collections.abc import Callable

from tto.analysis.action_loss import action_losses
from tto.data.episode import Episode
from tto.evaluation.rollout import Rollout
from tto.files import StrPath
from tto.planning.controller import Controller
from tto.training.held_out import mean_losses, read_dimension_losses


def action_judge(controller: Controller, dimensions: StrPath) -> Callable[[Rollout], Rollout]:
    """A function that adds the losses of its actions to a rollout of `controller`.

    Args:
        controller: controller that played the episodes.
        dimensions: path of the `dimensions.csv` of the controller's model.
    """
    model, context = controller.model, controller.context
    by_place = mean_losses(read_dimension_losses(dimensions), ["kind", "place"]).to_dict()
    held_out = by_place["action", context + model.config.goal]

    def judge(rollout: Rollout) -> Rollout:
        episode = Episode(
            observations=rollout.observations,
            actions=rollout.actions,
            rewards=rollout.rewards,
            terminated=rollout.terminated,
            truncated=rollout.truncated,
        )
        losses = action_losses(model, episode, context=context, goal=rollout.goal)
        return dataclasses.replace(rollout, action_losses=losses, held_out_action_loss=held_out)

    return judge
