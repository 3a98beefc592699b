"""Rules sweep_rows and tuning_rows: the episodes of a sweep's trials to one tidy row each."""

from tto.evaluation.sweeps import Point, collect_sweep
from tto.job import job
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output):
    paths, points = list(snakemake.input), snakemake.params.points
    each = len(paths) // len(points)  # files of a point: its models' rollouts
    write_rows(
        snakemake.output[0],
        collect_sweep(
            snakemake.params.sweep,
            [
                Point(line, value, paths[i * each : (i + 1) * each])
                for i, (line, value) in enumerate(points)
            ],
        ),
    )
