"""Rule imitation_table: episodes of likelihood search on expert data to a table and a figure."""

from tto.evaluation.results import read_results
from tto.job import job
from tto.report.figures.imitation import draw_imitation
from tto.report.numbers.dataset_statistics import read_statistics
from tto.report.numbers.imitation import imitation_rows
from tto.report.tables.formats import TableFiles
from tto.report.tables.imitation import write_imitation

with job(snakemake.log[0], snakemake.output):
    rows = imitation_rows(
        read_results(snakemake.input.rollouts), read_statistics(snakemake.input.statistics)
    )
    write_imitation(
        rows,
        TableFiles(
            csv=snakemake.output.csv,
            markdown=snakemake.output.markdown,
            html=snakemake.output.html,
        ),
    )
    draw_imitation(
        rows, [snakemake.output.png, snakemake.output.pdf], dpi=snakemake.params.report["dpi"]
    )
