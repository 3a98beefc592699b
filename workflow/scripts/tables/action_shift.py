"""Rule action_shift: how likely the models find the actions of their plans, as a table."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.tables.action_shift import write_action_shift
from tto.report.tables.formats import TableFiles

with job(snakemake.log[0], snakemake.output):
    write_action_shift(
        read_results(snakemake.input[0]),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
