"""Rule figure3: attention maps and the table of heads to the paper's figure 3."""

from tto.analysis.attention_file import read_attention
from tto.job import job
from tto.report.figure3 import draw_figure3, read_heads

with job(snakemake.log[0]):
    draw_figure3(
        read_attention(snakemake.input.maps),
        read_heads(snakemake.input.table),
        list(snakemake.output),
        dpi=snakemake.params.report["dpi"],
    )
