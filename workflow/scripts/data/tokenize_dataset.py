"""Rule tokenize: a dataset's episodes to its token file."""

from tto.data.episodes import open_dataset
from tto.job import job
from tto.tokens.tokenize import tokenize_dataset

with job(snakemake.log[0], snakemake.output):
    params = snakemake.params
    rewards = dict(params.rewards)
    tokenize_dataset(
        open_dataset(snakemake.input[0]),
        snakemake.output[0],
        name=snakemake.wildcards.dataset,
        discretizer=params.discretizer["kind"],
        bins=params.discretizer["bins"],
        widest=params.discretizer["widest"],
        discount=params.discount,
        rewards_ignored=rewards.pop("ignored"),
        **rewards,
    )
