"""Rule dataset_statistics: a dataset's returns, lengths and counts as one row."""

from tto.data.episodes import open_dataset
from tto.job import job
from tto.report.numbers.dataset_statistics import dataset_statistics, write_statistics

with job(snakemake.log[0], snakemake.output):
    statistics = dataset_statistics(
        open_dataset(snakemake.input[0]),
        name=snakemake.wildcards.dataset,
        source=snakemake.params.source,
    )
    write_statistics(snakemake.output[0], statistics)
