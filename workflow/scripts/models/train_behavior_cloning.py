"""Rule train_behavior_cloning: a dataset's episodes to a perceptron that imitates their actions."""

from pathlib import Path

from tto.baselines.behavior_cloning import train_behavior_cloning
from tto.data.episodes import open_dataset
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    train_behavior_cloning(
        open_dataset(snakemake.input[0]),
        Path(snakemake.output.weights).parent,
        seed=int(snakemake.wildcards.seed),
        **snakemake.params.behavior_cloning,
    )
