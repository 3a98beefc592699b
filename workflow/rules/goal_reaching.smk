# Goal reaching: rows to a table and figure 5.


rule goal_reaching_table:
    input:
        f"{RESULTS}/goal_reaching.csv",
    output:
        csv=f"{RESULTS}/tables/goal_reaching.csv",
        markdown=f"{RESULTS}/tables/goal_reaching.md",
        html=report(
            f"{RESULTS}/tables/goal_reaching.html",
            caption="../report/tables/goal_reaching.rst",
            category="Goal reaching",
            labels={"result": "Success and path length", "format": "table"},
        ),
    log:
        log_file("goal_reaching_table"),
    benchmark:
        benchmark_file("goal_reaching_table")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/goal_reaching.py"),
    script:
        "../scripts/tables/goal_reaching.py"


rule figure5:
    input:
        f"{RESULTS}/routes.csv",
    output:
        png=report(
            f"{RESULTS}/figures/figure5.png",
            caption="../report/figures/figure5.rst",
            category="Goal reaching",
            labels={"result": "Figure 5", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure5.pdf",
    log:
        log_file("figure5"),
    benchmark:
        benchmark_file("figure5")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/figure5.py"),
    script:
        "../scripts/figures/figure5.py"


rule goal_reaching:
    input:
        [
            rules.goal_reaching_table.output,
            rules.figure5.output,
            *cards_of(ROOMS),
        ]
        if ROOMS
        else [],
