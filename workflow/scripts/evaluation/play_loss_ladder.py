"""Rule play_loss_ladder: a dataset's collectors, cloning and Transformer play the same episodes."""

from pathlib import Path

import torch

from tto.baselines.behavior_cloning import load_behavior_cloning
from tto.data.collect import collectors
from tto.data.environments import make_env
from tto.data.episodes import open_dataset
from tto.evaluation.loss_ladder import play_ladder
from tto.evaluation.rollout_file import Evaluation
from tto.evaluation.sweeps import read_choice
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    params, inputs = snakemake.params, snakemake.input
    model = load(Path(inputs.weights).parent, device=device_named(snakemake.config["device"]))
    cloning = dict(params.behavior_cloning)
    folders = dict(zip(params.cloning_candidates or [""], inputs.cloning, strict=True))
    name = read_choice(inputs.cloning_choice) if inputs.get("cloning_choice") else ""
    cloning |= params.cloning_candidates.get(name, {})
    found = None
    if params.kind:
        with make_env(params.evaluation["env_id"]) as env:
            found = collectors(env, params.kind, params.actors)
    rows = play_ladder(
        open_dataset(inputs.dataset),
        model,
        load_behavior_cloning(Path(folders[name]).parent),
        Evaluation(
            method="ladder",
            dataset=snakemake.wildcards.dataset,
            seed=int(snakemake.wildcards.seed),
            **params.evaluation,
        ),
        rollouts=params.rollouts,
        behavior_cloning=cloning,
        collectors=found,
    )
    write_rows(snakemake.output[0], rows)
