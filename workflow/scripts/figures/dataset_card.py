"""Rule dataset_card: a picture of a dataset, its returns, its lengths and its use of the bins."""

from tto.data.episodes import open_dataset
from tto.job import job
from tto.report.figures.dataset_card import clipped_share, draw_dataset_card
from tto.report.numbers.dataset_statistics import returns_and_lengths
from tto.report.numbers.summary import SOURCE_WORDS
from tto.tokens.token_file import read_token_file

with job(snakemake.log[0], snakemake.output):
    dataset, tokens = open_dataset(snakemake.input.dataset), read_token_file(snakemake.input.tokens)
    returns, lengths = returns_and_lengths(dataset)
    draw_dataset_card(
        tokens,
        list(snakemake.output),
        returns=returns,
        lengths=lengths,
        clipped=clipped_share(dataset, tokens),
        title=f"{snakemake.wildcards.dataset} ({SOURCE_WORDS[snakemake.params.source]})",
        dpi=snakemake.params.report["dpi"],
    )
