# Imitation: rows to a table and a figure.


rule imitation_table:
    input:
        rollouts=f"{RESULTS}/rollouts/imitation.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=IMITATION),
    output:
        csv=f"{RESULTS}/tables/imitation.csv",
        markdown=f"{RESULTS}/tables/imitation.md",
        html=report(
            f"{RESULTS}/tables/imitation.html",
            caption="../report/tables/imitation.rst",
            category="Imitation",
            labels={"result": "Normalised returns", "format": "table"},
        ),
        png=report(
            f"{RESULTS}/figures/imitation.png",
            caption="../report/figures/imitation.rst",
            category="Imitation",
            labels={"result": "Return by predicted length", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/imitation.pdf",
    log:
        log_file("imitation_table"),
    benchmark:
        benchmark_file("imitation_table")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("tables/imitation.py"),
    script:
        "../scripts/tables/imitation.py"


rule imitation:
    input:
        [rules.imitation_table.output, *cards_of(IMITATION)] if IMITATION else [],
