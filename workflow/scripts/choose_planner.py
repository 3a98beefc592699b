"""Rule choose_planner: the planner with the highest mean return of a dataset's trials."""

from tto.evaluation.sweeps import best_value, read_sweep, write_planner
from tto.job import job

with job(snakemake.log[0]):
    write_planner(snakemake.output[0], best_value(read_sweep(snakemake.input[0])))
