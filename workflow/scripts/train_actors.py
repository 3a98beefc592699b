"""Rule train_actors: a robot's behaviour policies, from poor to good."""

from pathlib import Path
from typing import TYPE_CHECKING

from tto.data.train_actors import train_actors
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0]):
    train_actors(
        snakemake.wildcards.robot,
        Path(snakemake.output[0]).parent,
        checkpoints=snakemake.params.checkpoints,
        noise=snakemake.params.noise,
    )
