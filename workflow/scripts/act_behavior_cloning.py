"""Rule act_behavior_cloning: the behaviour-cloning baseline plays the same evaluation episodes."""

from pathlib import Path

from tto.evaluation.run import evaluate_run
from tto.job import job
from tto.model.behavior_cloning import load_behavior_cloning

with job(snakemake.log[0]):
    evaluate_run(
        load_behavior_cloning(Path(snakemake.input.weights).parent),
        snakemake.output,
        method="bc",
        dataset=snakemake.wildcards.dataset,
        seed=int(snakemake.wildcards.seed),
        **snakemake.params.evaluation,
    )
