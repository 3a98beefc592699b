"""The evaluation of one run: all rollouts of one policy, played in step, timed and written."""

from collections.abc import Sequence

from tto.evaluation.alone import plan_ms_alone
from tto.evaluation.rollout import Policy, evaluate, evaluation_seeds
from tto.evaluation.rollout_file import write_rollouts
from tto.files import StrPath


def evaluate_run(
    policy: Policy,
    paths: Sequence[StrPath],
    *,
    env_id: str,
    dataset: str,
    source: str,
    method: str,
    seed: int,
    offset: int,
    max_steps: int | None = None,
) -> None:
    """Play one episode for each of `paths` and write it there.

    All episodes are in one batch. What a plan takes for one of them alone is measured afterwards on
    the first (`tto.evaluation.alone`) and written into each file.

    Args:
        dataset: what the policy was trained on; `source` is where that came from.
        seed: of the run; with `offset` it gives the episodes' reset seeds (`evaluation_seeds`).
        max_steps: time limit in transitions besides the environment's own.
    """
    seeds = evaluation_seeds(seed=seed, rollouts=len(paths), offset=offset)
    rollouts = evaluate(
        policy, env_id, seeds=seeds, max_steps=max_steps, description=f"{dataset}: {method} {seed}"
    )
    write_rollouts(
        paths,
        rollouts,
        seeds=seeds,
        dataset=dataset,
        source=source,
        env_id=env_id,
        method=method,
        seed=seed,
        plan_ms_alone=plan_ms_alone(policy, rollouts[0]),
    )
