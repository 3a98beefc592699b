"""Rule train_actors: a robot's behaviour policies, from poor to good."""

from pathlib import Path

from tto.data.train_actors import train_actors
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    train_actors(
        snakemake.wildcards.robot,
        Path(snakemake.output[0]).parent,
        checkpoints=snakemake.params.checkpoints,
    )
