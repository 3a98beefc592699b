"""Rule goal_reaching_table: routes of all pairs to success rates and path lengths."""

from tto.job import job
from tto.report.goal_reaching import goal_reaching_rows, read_goal_reaching, write_goal_reaching

with job(snakemake.log[0]):
    write_goal_reaching(
        goal_reaching_rows(read_goal_reaching(snakemake.input[0])),
        csv=snakemake.output.csv,
        markdown=snakemake.output.markdown,
        html=snakemake.output.html,
    )
