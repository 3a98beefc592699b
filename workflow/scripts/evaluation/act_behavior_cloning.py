"""Rule act_behavior_cloning: the behaviour-cloning baseline plays the same evaluation episodes."""

from pathlib import Path

from tto.baselines.behavior_cloning import load_behavior_cloning
from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.run import evaluate_run
from tto.evaluation.sweeps import read_choice
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    weights = dict(zip(snakemake.params.candidates or [""], snakemake.input.weights, strict=True))
    choice = snakemake.input.get("choice")
    chosen = weights[read_choice(choice) if choice else ""]
    evaluate_run(
        load_behavior_cloning(Path(chosen).parent),
        snakemake.output,
        Evaluation(
            method="bc",
            dataset=snakemake.wildcards.dataset,
            seed=int(snakemake.wildcards.seed),
            **snakemake.params.evaluation,
        ),
    )
