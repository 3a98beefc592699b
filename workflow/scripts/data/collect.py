"""Rule collect: a ladder of behaviour policies to a dataset."""

from tto.data.collect import collect
from tto.data.episodes import write_dataset
from tto.data.masking import mask_episodes
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    params = snakemake.params
    kind = params.kind
    by = f"agent {params.agent['path']}" if params.agent else f"actors of {params.actors}"
    episodes = collect(
        params.env,
        kind,
        transitions=params.transitions,
        seed=params.seed,
        noise=params.noise,
        actors=params.actors,
        agent=params.agent,
        max_steps=params.max_steps,
        one_start=params.one_start,
    )
    if params.mask:
        episodes = mask_episodes(episodes, probability=params.mask, seed=params.seed)
    write_dataset(
        snakemake.output[0],
        episodes,
        env_id=params.env,
        algorithm=f"{kind}, {by}",
        description=f"{kind}, collected with action noise {params.noise}, seed {params.seed}",
    )
