"""Rule figure5: routes through the four rooms to the paper's figure 5."""

from tto.job import job
from tto.report.figure5 import draw_figure5, read_routes

with job(snakemake.log[0]):
    draw_figure5(
        read_routes(snakemake.input[0]), list(snakemake.output), dpi=snakemake.params.report["dpi"]
    )
