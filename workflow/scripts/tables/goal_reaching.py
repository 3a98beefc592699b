"""Rule goal_reaching_table: routes of all pairs to success rates and path lengths."""

from tto.evaluation.goal_rows import read_goal_rows
from tto.job import job
from tto.report.numbers.goal_reaching import goal_reaching_rows
from tto.report.tables.formats import TableFiles
from tto.report.tables.goal_reaching import write_goal_reaching

with job(snakemake.log[0], snakemake.output):
    write_goal_reaching(
        goal_reaching_rows(read_goal_rows(snakemake.input[0])),
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
