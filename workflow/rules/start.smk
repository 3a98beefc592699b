# What happens before the first job: results can be written, and Snakemake behaves as reruns need it.

import sys
import tempfile
from pathlib import Path

import snakemake
from snakemake.jobs import Job

from tto.job import start_of_workflow
from tto.snakemake_patches import apply_patches


onstart:
    # One line before any job, not one a job. A dry run writes nothing and needs no such check.
    with start_of_workflow():
        Path(RESULTS).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=RESULTS).close()
    if warning := apply_patches(workflow, Job, version=snakemake.__version__):
        print(warning, file=sys.stderr)
