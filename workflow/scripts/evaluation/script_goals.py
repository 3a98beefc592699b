"""Rule script_goals: the collecting agent goes from the same starts to the same goals."""

from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.run import evaluate_run
from tto.evaluation.scripted_agent import ScriptedPolicy
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    seed = int(snakemake.wildcards.seed)
    evaluate_run(
        ScriptedPolicy(noise=snakemake.params.noise, seed=seed),
        snakemake.output,
        Evaluation(
            method="collector",
            dataset=snakemake.wildcards.dataset,
            seed=seed,
            **snakemake.params.evaluation,
        ),
    )
