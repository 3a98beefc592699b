"""Rule table1: evaluated episodes to the paper's table 1, ours beside the published columns."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.numbers.dataset_statistics import read_statistics
from tto.report.tables.formats import TableFiles
from tto.report.tables.table1 import write_table1

with job(snakemake.log[0], snakemake.output):
    write_table1(
        read_results(snakemake.input.rollouts),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
        latex=snakemake.output.latex,
        statistics=read_statistics(snakemake.input.statistics),
    )
