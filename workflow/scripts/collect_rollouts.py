"""Rule collect_rollouts: evaluated episodes to one tidy row each."""

from tto.evaluation.results import collect_results, write_results
from tto.job import job

with job(snakemake.log[0]):
    write_results(snakemake.output[0], collect_results(snakemake.input))
