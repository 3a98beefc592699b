"""Rule returns: evaluated episodes to a table of returns beside those of the data."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.numbers.dataset_statistics import read_statistics
from tto.report.tables.formats import TableFiles
from tto.report.tables.returns import write_returns

with job(snakemake.log[0], snakemake.output):
    write_returns(
        read_results(snakemake.input.rollouts),
        read_statistics(snakemake.input.statistics),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
