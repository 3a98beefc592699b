"""Rule collect_log_likelihoods: the rows of all models to log_likelihoods.csv."""

from tto.analysis.log_likelihoods import read_log_likelihoods, write_log_likelihoods
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    write_log_likelihoods(snakemake.output[0], read_log_likelihoods(snakemake.input))
