"""Rule import_dataset: episodes of D4RL, Minari or a user to a dataset."""

from typing import TYPE_CHECKING

from tto.data.episodes import write_dataset
from tto.data.sources import default_minari_id, read_source
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0]):
    params = snakemake.params
    location = params.location or default_minari_id(snakemake.wildcards.dataset)
    write_dataset(
        snakemake.output[0],
        read_source(params.source, location, env_id=params.env),
        env_id=params.env,
        algorithm=f"as in {location}",
        description=f"imported from {params.source}: {location}",
    )
