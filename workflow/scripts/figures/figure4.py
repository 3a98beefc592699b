"""Rule figure4: evaluated episodes to the paper's figure 4, mean scores of all methods."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.figures.paper.figure4 import draw_figure4

with job(snakemake.log[0], snakemake.output):
    draw_figure4(
        read_results(snakemake.input[0]), list(snakemake.output), dpi=snakemake.params.report["dpi"]
    )
