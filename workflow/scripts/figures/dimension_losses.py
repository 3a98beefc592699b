"""Rule dimension_losses: held-out losses of each dimension to one figure."""

from tto.job import job
from tto.report.figures.dimension_losses import draw_dimension_losses

with job(snakemake.log[0], snakemake.output):
    runs = [(dataset, seed) for dataset, seed in snakemake.params.runs]
    draw_dimension_losses(
        dict(zip(runs, snakemake.input, strict=True)),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
