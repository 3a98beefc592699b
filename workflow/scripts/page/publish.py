"""Rule publish: a finished run's results, and how they were made, to a folder to be committed."""

import logging
from pathlib import Path

from tto.job import job
from tto.report.page.provenance import provenance
from tto.report.page.publication import publish

with job(snakemake.log[0], snakemake.output):
    params = snakemake.params
    origin = provenance(
        command=params.command,
        repository=params.repository,
        results=params.results,
    )
    folder = Path(snakemake.output.page).parent
    for name in publish(params.results, folder, origin, made=snakemake.input):
        logging.info("left out, being too large: %s", name)
