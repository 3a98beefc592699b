"""Rule plan: a trained Transformer plays its evaluation episodes by planning."""

from pathlib import Path

import torch

from tto.evaluation.action_shift import action_judge
from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.run import evaluate_run
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.planning.controller import Controller

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    model_folder = Path(snakemake.input.weights).parent
    model = load(model_folder, device=device_named(snakemake.config["device"]))
    seed = int(snakemake.wildcards.seed)
    controller = Controller(model.with_planner(snakemake.params.changes), seed=seed)
    evaluate_run(
        controller,
        snakemake.output,
        Evaluation(
            method=snakemake.params.method,
            dataset=snakemake.wildcards.dataset,
            seed=seed,
            **snakemake.params.evaluation,
        ),
        metrics=snakemake.input.metrics,
        judge=action_judge(controller, snakemake.input.dimensions),
    )
