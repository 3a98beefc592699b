"""The evaluation of one run: all rollouts of one policy are played in step, timed and written."""

from collections.abc import Callable, Sequence

import pandas as pd

from tto.evaluation.alone import plan_ms_alone
from tto.evaluation.rollout import Policy, Rollout, evaluate
from tto.evaluation.rollout_file import Evaluation, write_rollouts
from tto.files import StrPath


def evaluate_run(
    policy: Policy,
    paths: Sequence[StrPath],
    evaluation: Evaluation,
    *,
    metrics: StrPath | None = None,
    judge: Callable[[Rollout], Rollout] = lambda rollout: rollout,
) -> None:
    """Play one episode for each of `paths` and write it there.

    All episodes are played in one batch. Afterwards the time of a plan for one episode alone is
    measured on the first episode (`tto.evaluation.alone`) and written into each file.

    Args:
        policy: policy to evaluate.
        paths: paths of the rollout files.
        evaluation: environment, seeds and labels of the run.
        metrics: metrics.csv of the model, which knows how long its training took; None for a policy
            that was not trained.
        judge: adds to a rollout what a model makes of it (`tto.evaluation.action_shift`).
    """
    rollouts = evaluate(
        policy,
        evaluation.env_id,
        seeds=evaluation.reset_seeds(len(paths)),
        max_steps=evaluation.max_steps,
        description=f"{evaluation.dataset}: {evaluation.method} {evaluation.seed}",
    )
    write_rollouts(
        paths,
        list(map(judge, rollouts)),
        evaluation,
        plan_ms_alone=plan_ms_alone(policy, rollouts[0]),
        train_seconds=0.0 if metrics is None else float(pd.read_csv(metrics)["seconds"].iloc[-1]),
    )
