"""Rule report: all results and how they were made, in one file, by Snakemake's own report."""

import subprocess
import sys

from tto.job import job

TARGETS = ["offline_rl", "imitation", "goal_reaching", "ablations", "claims"]

with job(snakemake.log[0]), open(snakemake.log[0], "a") as log:
    # A Snakemake inside Snakemake: it only reads what the finished jobs left, so it needs no lock.
    command = [sys.executable, "-m", "snakemake", *TARGETS, "--nolock"]
    command += ["--configfile", snakemake.input.config, "--report", snakemake.output[0]]
    subprocess.run(command, stdout=log, stderr=log, check=True)
