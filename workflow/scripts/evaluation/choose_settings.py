"""Rule choose_settings: those with the highest mean return of a method's trials on a dataset."""

from tto.evaluation.sweeps import best_value, read_sweep, write_choice
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    write_choice(snakemake.output[0], best_value(read_sweep(snakemake.input[0])))
