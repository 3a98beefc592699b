"""Rule figure5: routes through the four rooms to the paper's figure 5."""

from tto.evaluation.goal_rows import read_routes
from tto.job import job
from tto.report.figures.paper.figure5 import draw_figure5

with job(snakemake.log[0], snakemake.output):
    draw_figure5(
        read_routes(snakemake.input[0]), list(snakemake.output), dpi=snakemake.params.report["dpi"]
    )
