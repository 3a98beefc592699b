# Trajectory Transformers, from datasets to the paper's tables and figures.
# Targets: all (default), offline_rl, imitation, goal_reaching, model_analysis, ablations, report, publish. Settings: config/README.md.

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/start.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/tokens.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/planning.smk"
include: "workflow/rules/trials.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/offline_rl.smk"
include: "workflow/rules/imitation.smk"
include: "workflow/rules/goal_reaching.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/publish.smk"


localrules:
    all,
    offline_rl,
    imitation,
    goal_reaching,
    model_analysis,
    ablations,
    config,
    publish,
    report,
    report_of_offline_rl,
    rulegraph,
    write_planner,


rule all:
    default_target: True
    input:
        ROLLOUT_TABLE,
        rules.claims.output,
        rules.report.output,
