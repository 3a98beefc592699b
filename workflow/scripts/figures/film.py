"""Rule film: a dataset's first evaluated episodes to an animated picture."""

from tto.evaluation.rollout_file import read_rollout
from tto.job import job
from tto.report.figures.films import Filmed, write_film

with job(snakemake.log[0], snakemake.output):
    read = [read_rollout(path) for path in snakemake.input]
    write_film(
        snakemake.output[0],
        [
            Filmed(name, rollout)
            for name, (rollout, _) in zip(snakemake.params.names, read, strict=True)
        ],
        env_id=read[0][1]["env_id"],
    )
