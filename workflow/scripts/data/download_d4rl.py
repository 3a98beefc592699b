"""Rule download_d4rl: one of D4RL's files, checked against the lock file."""

from pathlib import Path
from typing import TYPE_CHECKING

from tto.data.download import download
from tto.job import job

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0], snakemake.output):
    d4rl = snakemake.params.d4rl
    name = Path(snakemake.output[0]).name
    download(f"{d4rl['address'].rstrip('/')}/{name}", snakemake.output[0], lock=d4rl["lock"])
