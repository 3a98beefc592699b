"""Rule extended: evaluated episodes beside all results published since, as a table."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.tables.extended import write_extended
from tto.report.tables.formats import TableFiles

with job(snakemake.log[0], snakemake.output):
    write_extended(
        read_results(snakemake.input[0]),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
