"""Rule figure2: rows of likelihoods to figure 2, tables and an answer about long context."""

from tto.analysis.indistinguishable import read_indistinguishable
from tto.analysis.log_likelihoods import read_log_likelihoods
from tto.job import job
from tto.report.figures.paper.figure2 import draw_calibration, draw_figure2
from tto.report.tables.formats import TableFiles
from tto.report.tables.model_analysis import write_model_analysis

with job(snakemake.log[0], snakemake.output):
    (rows,) = read_log_likelihoods([snakemake.input.rows])
    output, dpi = snakemake.output, snakemake.params.report["dpi"]
    draw_figure2(rows, [output.png, output.pdf], dpi=dpi)
    draw_calibration(rows, [output.calibration_png, output.calibration_pdf], dpi=dpi)
    write_model_analysis(
        rows,
        TableFiles(csv=output.csv, markdown=output.markdown, html=output.html),
        answers=read_indistinguishable(snakemake.input.answers),
        trajectories=snakemake.params.trajectories,
    )
