"""The evaluation of one run: all rollouts of one policy are played in step, timed and written."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tto.data.environments import named_env
from tto.evaluation.alone import plan_ms_alone
from tto.evaluation.rollout import Policy, Rollout, evaluate
from tto.evaluation.rollout_file import Evaluation, write_rollouts
from tto.files import StrPath


def evaluate_run(
    policy: Policy,
    paths: Sequence[StrPath],
    evaluation: Evaluation,
    *,
    judge: Callable[[Rollout], Rollout] = lambda rollout: rollout,
) -> None:
    """Play one episode for each of `paths` and write it there.

    All episodes are played in one batch. Afterwards the time of a plan for one episode alone is
    measured on the first episode (`tto.evaluation.alone`) and written into each file.

    Args:
        policy: policy to evaluate.
        paths: paths of the rollout files.
        evaluation: environment, seeds and labels of the run. The config names the environment, so
            it may name a module, too.
        judge: adds to a rollout what a model makes of it (`tto.evaluation.action_shift`).
    """
    evaluation = replace(evaluation, env_id=named_env(evaluation.env_id))
    rollouts = evaluate(
        policy,
        evaluation.env_id,
        seeds=evaluation.reset_seeds(len(paths)),
        max_steps=evaluation.max_steps,
        description=f"{evaluation.dataset}: {evaluation.method} {evaluation.seed}",
    )
    alone = plan_ms_alone(policy, rollouts[0])
    write_rollouts(paths, list(map(judge, rollouts)), evaluation, plan_ms_alone=alone)
