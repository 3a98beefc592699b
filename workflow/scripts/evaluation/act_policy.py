"""Rule act_policy: CQL, MBOP, IQL or TD3+BC plays the same evaluation episodes."""

from pathlib import Path
from typing import TYPE_CHECKING

from tto.baselines.policies import load_policy
from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.run import evaluate_run
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0], snakemake.output):
    evaluate_run(
        load_policy(Path(snakemake.input.weights).parent).policy,
        snakemake.output,
        Evaluation(
            method=snakemake.wildcards.method,
            dataset=snakemake.wildcards.dataset,
            seed=int(snakemake.wildcards.seed),
            **snakemake.params.evaluation,
        ),
    )
