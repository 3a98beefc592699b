"""Rule ablation: the episodes of one sweep to one figure."""

from tto.evaluation.sweeps import read_sweep
from tto.job import job
from tto.report.figures.ablations import draw_ablation
from tto.report.numbers.dataset_statistics import read_statistics

with job(snakemake.log[0], snakemake.output):
    draw_ablation(
        read_sweep(snakemake.input.sweep),
        list(snakemake.output),
        statistics=read_statistics(snakemake.input.statistics),
        label=snakemake.params.label,
        line_key=snakemake.params.line_key,
        dpi=snakemake.params.report["dpi"],
    )
