"""Rule write_planner: the settings that a dataset's models play with, beside each of them."""

from tto.evaluation.sweeps import read_choice
from tto.job import job
from tto.model.planner_file import write_planner

with job(snakemake.log[0], snakemake.output):
    planning = dict(snakemake.params.planning)
    if choice := snakemake.input.get("choice"):
        planning |= snakemake.params.candidates[read_choice(choice)]
    for path in snakemake.output:
        write_planner(path, planning)
