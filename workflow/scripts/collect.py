"""Rule collect: a ladder of behaviour policies to a dataset."""

from pathlib import Path

from tto.data.collect import collect, dataset_kind
from tto.data.episodes import write_dataset
from tto.job import job

with job(snakemake.log[0]):
    params = snakemake.params
    kind = dataset_kind(snakemake.wildcards.dataset, params.kind)
    episodes = collect(
        params.env,
        kind,
        transitions=params.transitions,
        seed=params.seed,
        noise=params.noise,
        actors=Path(snakemake.input[0]).parent.parent,
    )
    write_dataset(
        snakemake.output[0],
        episodes,
        env_id=params.env,
        algorithm=f"{kind} actors of {Path(snakemake.input[0]).parent}",
        description=f"{kind}, collected with action noise {params.noise}, seed {params.seed}",
    )
