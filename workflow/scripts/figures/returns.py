"""Rule returns_figure: evaluated episodes to bars of returns beside those of the data."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.figures.returns import draw_returns
from tto.report.numbers.dataset_statistics import read_statistics

with job(snakemake.log[0], snakemake.output):
    draw_returns(
        read_results(snakemake.input.rollouts),
        read_statistics(snakemake.input.statistics),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
