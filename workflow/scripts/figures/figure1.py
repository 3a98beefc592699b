"""Rule figure1: predicted states to the paper's figure 1 and to a film."""

from tto.analysis.predictions import read_predictions
from tto.job import job
from tto.report.figures.paper.figure1 import draw_figure1
from tto.report.figures.paper.figure1_movie import write_movie

with job(snakemake.log[0], snakemake.output):
    predictions = read_predictions(snakemake.input[0])
    output = snakemake.output
    draw_figure1(predictions, [output.png, output.pdf], dpi=snakemake.params.report["dpi"])
    write_movie(predictions, webp=output.webp, page=output.html)
