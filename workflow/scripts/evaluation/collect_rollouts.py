"""Rule collect_rollouts: evaluated episodes to one tidy row each."""

from tto.evaluation.results import collect_results
from tto.job import job
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output):
    write_rows(snakemake.output[0], collect_results(snakemake.input))
