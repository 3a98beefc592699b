"""Rule goal_rows: episodes in the four rooms to tidy rows and routes."""

from tto.evaluation.goal_rows import write_goal_rows
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    write_goal_rows(
        snakemake.input,
        table=snakemake.output.table,
        routes=snakemake.output.routes,
        method_of_routes="goal",
    )
