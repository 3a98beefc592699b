"""Rule plan: a trained Transformer plays its evaluation episodes by planning."""

from pathlib import Path

import torch

from tto.evaluation.run import evaluate_run
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.planning.controller import Controller

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    model_folder = Path(snakemake.input.weights).parent
    model = load(model_folder, device=device_named(snakemake.config["device"]))
    seed = int(snakemake.wildcards.seed)
    evaluate_run(
        Controller(model, seed=seed, **snakemake.params.planning),
        snakemake.output,
        method=snakemake.params.method,
        dataset=snakemake.wildcards.dataset,
        seed=seed,
        **snakemake.params.evaluation,
    )
