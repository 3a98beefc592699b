"""Rule config: the run's whole config, with the overlay merged in, as one file."""

import yaml

from tto.files import atomic_path
from tto.job import job

with job(snakemake.log[0], snakemake.output), atomic_path(snakemake.output[0]) as path:
    path.write_text(yaml.safe_dump(snakemake.params.config, sort_keys=False), encoding="utf-8")
