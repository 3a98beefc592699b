# Offline reinforcement learning: rows to table 1, figure 4 and what was published since; for data that
# are not the paper's, to returns beside those of the data.


rule table1:
    input:
        rollouts=f"{RESULTS}/rollouts/offline_rl.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=OFFLINE),
    output:
        csv=f"{RESULTS}/tables/table1.csv",
        markdown=f"{RESULTS}/tables/table1.md",
        html=report(
            f"{RESULTS}/tables/table1.html",
            caption="../report/tables/table1.rst",
            category="Offline reinforcement learning",
            labels={"result": "Table 1", "format": "table"},
        ),
        latex=f"{RESULTS}/tables/table1.tex",
    log:
        log_file("table1"),
    benchmark:
        benchmark_file("table1")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/table1.py"),
    script:
        "../scripts/tables/table1.py"


rule figure4:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        png=report(
            f"{RESULTS}/figures/figure4.png",
            caption="../report/figures/figure4.rst",
            category="Offline reinforcement learning",
            labels={"result": "Figure 4", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure4.pdf",
    log:
        log_file("figure4"),
    benchmark:
        benchmark_file("figure4")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/figure4.py"),
    script:
        "../scripts/figures/figure4.py"


rule extended:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        csv=f"{RESULTS}/tables/extended.csv",
        markdown=f"{RESULTS}/tables/extended.md",
        html=report(
            f"{RESULTS}/tables/extended.html",
            caption="../report/tables/extended.rst",
            category="Offline reinforcement learning",
            labels={"result": "Results published since", "format": "table"},
        ),
    log:
        log_file("extended"),
    benchmark:
        benchmark_file("extended")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/extended.py"),
    script:
        "../scripts/tables/extended.py"


rule costs:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        csv=f"{RESULTS}/tables/costs.csv",
        markdown=f"{RESULTS}/tables/costs.md",
        html=report(
            f"{RESULTS}/tables/costs.html",
            caption="../report/tables/costs.rst",
            category="Offline reinforcement learning",
            labels={"result": "Costs", "format": "table"},
        ),
    log:
        log_file("costs"),
    benchmark:
        benchmark_file("costs")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/costs.py"),
    script:
        "../scripts/tables/costs.py"


rule action_shift:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        csv=f"{RESULTS}/tables/action_shift.csv",
        markdown=f"{RESULTS}/tables/action_shift.md",
        html=report(
            f"{RESULTS}/tables/action_shift.html",
            caption="../report/tables/action_shift.rst",
            category="Offline reinforcement learning",
            labels={"result": "Plans beside the data", "format": "table"},
        ),
    log:
        log_file("action_shift"),
    benchmark:
        benchmark_file("action_shift")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/action_shift.py"),
    script:
        "../scripts/tables/action_shift.py"


rule profiles:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        png=report(
            f"{RESULTS}/figures/profiles.png",
            caption="../report/figures/profiles.rst",
            category="Offline reinforcement learning",
            labels={"result": "Performance profiles", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/profiles.pdf",
    log:
        log_file("profiles"),
    benchmark:
        benchmark_file("profiles")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/profiles.py"),
    script:
        "../scripts/figures/profiles.py"


rule returns:
    input:
        rollouts=f"{RESULTS}/rollouts/offline_rl.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=OFFLINE),
    output:
        csv=f"{RESULTS}/tables/returns.csv",
        markdown=f"{RESULTS}/tables/returns.md",
        html=report(
            f"{RESULTS}/tables/returns.html",
            caption="../report/tables/returns.rst",
            category="Offline reinforcement learning",
            labels={"result": "Returns", "format": "table"},
        ),
    log:
        log_file("returns"),
    benchmark:
        benchmark_file("returns")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/returns.py"),
    script:
        "../scripts/tables/returns.py"


rule returns_figure:
    input:
        rollouts=f"{RESULTS}/rollouts/offline_rl.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=OFFLINE),
    output:
        png=report(
            f"{RESULTS}/figures/returns.png",
            caption="../report/figures/returns.rst",
            category="Offline reinforcement learning",
            labels={"result": "Returns", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/returns.pdf",
    log:
        log_file("returns_figure"),
    benchmark:
        benchmark_file("returns_figure")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/returns.py"),
    script:
        "../scripts/figures/returns.py"


# Tables and figures of offline RL.
OFFLINE_RESULTS = (
    [
        *([rules.table1.output, rules.figure4.output, rules.extended.output] if IN_PAPER else []),
        *([] if IN_PAPER else [rules.returns.output, rules.returns_figure.output]),
        rules.costs.output,
        rules.action_shift.output,
        rules.profiles.output,
        rules.tuning_table.output if TUNED else [],
        rules.loss_ladder.output if LADDERS else [],
        cards_of(OFFLINE),
    ]
    if OFFLINE
    else []
)
