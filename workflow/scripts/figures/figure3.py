"""Rule figure3: attention maps and the table of heads to the paper's figure 3."""

from tto.analysis.heads_file import read_attention, read_heads
from tto.job import job
from tto.report.figures.paper.figure3 import draw_figure3

with job(snakemake.log[0], snakemake.output):
    draw_figure3(
        read_attention(snakemake.input.maps),
        read_heads(snakemake.input.table),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
