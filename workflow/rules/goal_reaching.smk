# Goal reaching: rows to a table and figure 5.


rule goal_reaching_table:
    input:
        f"{RESULTS}/goal_reaching.csv",
    output:
        csv=f"{RESULTS}/tables/goal_reaching.csv",
        markdown=f"{RESULTS}/tables/goal_reaching.md",
        html=report(
            f"{RESULTS}/tables/goal_reaching.html",
            caption="../report/goal_reaching.rst",
            category="Goal reaching",
            labels={"result": "Success and path length", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/goal_reaching_table.log",
    benchmark:
        f"{RESULTS}/benchmarks/goal_reaching_table.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("goal_reaching.py"),
    script:
        "../scripts/goal_reaching.py"


rule figure5:
    input:
        f"{RESULTS}/routes.csv",
    output:
        png=report(
            f"{RESULTS}/figures/figure5.png",
            caption="../report/figure5.rst",
            category="Goal reaching",
            labels={"result": "Figure 5", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure5.pdf",
    log:
        f"{RESULTS}/logs/figure5.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure5.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        code=stage_code("figure5.py"),
    script:
        "../scripts/figure5.py"


rule goal_reaching:
    input:
        [
            rules.goal_reaching_table.output,
            rules.figure5.output,
            *cards_of(ROOMS),
        ]
        if ROOMS
        else [],
