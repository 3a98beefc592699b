"""Rule act_policy: a baseline plays the same evaluation episodes."""

from pathlib import Path
from typing import TYPE_CHECKING

from tto.baselines.policies import load_policy
from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.run import evaluate_run
from tto.evaluation.sweeps import read_choice
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0], snakemake.output):
    weights = dict(zip(snakemake.params.candidates or [""], snakemake.input.weights, strict=True))
    choice = snakemake.input.get("choice")
    model = Path(weights[read_choice(choice) if choice else ""]).parent
    evaluate_run(
        load_policy(model).policy,
        snakemake.output,
        Evaluation(
            method=snakemake.wildcards.method,
            dataset=snakemake.wildcards.dataset,
            seed=int(snakemake.wildcards.seed),
            **snakemake.params.evaluation,
        ),
        metrics=model / "metrics.csv",
    )
