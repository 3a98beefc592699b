"""Rule training_curves: all trainings' metrics to one figure of losses."""

from tto.job import job
from tto.report.figures.training_curves import draw_training_curves

with job(snakemake.log[0], snakemake.output):
    runs = [(dataset, seed) for dataset, seed in snakemake.params.runs]
    draw_training_curves(
        dict(zip(runs, snakemake.input, strict=True)),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
