"""Rule profiles: evaluated episodes to performance profiles."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.figures.profiles import draw_profiles

with job(snakemake.log[0], snakemake.output):
    draw_profiles(
        read_results(snakemake.input[0]), list(snakemake.output), dpi=snakemake.params.report["dpi"]
    )
