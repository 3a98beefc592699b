"""Rule import_dataset: episodes of D4RL, Minari or a user to a dataset."""

from typing import TYPE_CHECKING

from tto.data.episodes import write_dataset
from tto.data.sources import minari_ids, read_source
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0], snakemake.output):
    params = snakemake.params
    location = params.location or minari_ids(snakemake.wildcards.dataset)
    named = location if isinstance(location, str) else " and ".join(location)
    write_dataset(
        snakemake.output[0],
        read_source(params.source, location, env_id=params.env, **params.cutting),
        env_id=params.env,
        algorithm=f"as in {named}",
        description=f"imported from {params.source}: {named}",
    )
