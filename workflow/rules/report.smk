# Rows to the paper's tables and figures, and all of it to one page.


rule dataset_statistics:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        f"{RESULTS}/statistics/{{dataset}}.csv",
    log:
        f"{RESULTS}/logs/dataset_statistics/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dataset_statistics/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        source=lambda wildcards: DATASETS[wildcards.dataset]["source"],
        code=stage_code("dataset_statistics.py"),
    script:
        "../scripts/dataset_statistics.py"


rule dataset_card:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}",
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/datasets/{{dataset}}.png",
            caption="../report/dataset_card.rst",
            category="Datasets",
            labels={"dataset": "{dataset}"},
        ),
        pdf=f"{RESULTS}/figures/datasets/{{dataset}}.pdf",
    log:
        f"{RESULTS}/logs/dataset_card/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dataset_card/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        source=lambda wildcards: DATASETS[wildcards.dataset]["source"],
        report=config["report"],
        code=stage_code("dataset_card.py"),
    script:
        "../scripts/dataset_card.py"


rule table1:
    input:
        rollouts=f"{RESULTS}/rollouts/offline_rl.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=OFFLINE),
    output:
        csv=f"{RESULTS}/tables/table1.csv",
        markdown=f"{RESULTS}/tables/table1.md",
        html=report(
            f"{RESULTS}/tables/table1.html",
            caption="../report/table1.rst",
            category="Offline reinforcement learning",
            labels={"result": "Table 1", "format": "table"},
        ),
        latex=f"{RESULTS}/tables/table1.tex",
    log:
        f"{RESULTS}/logs/table1.log",
    benchmark:
        f"{RESULTS}/benchmarks/table1.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("table1.py"),
    script:
        "../scripts/table1.py"


rule figure4:
    input:
        f"{RESULTS}/rollouts/offline_rl.csv",
    output:
        png=report(
            f"{RESULTS}/figures/figure4.png",
            caption="../report/figure4.rst",
            category="Offline reinforcement learning",
            labels={"result": "Figure 4", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure4.pdf",
    log:
        f"{RESULTS}/logs/figure4.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure4.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        code=stage_code("figure4.py"),
    script:
        "../scripts/figure4.py"


rule training_curves:
    input:
        expand(
            f"{RESULTS}/models/{{dataset}}/seed{{seed}}/metrics.csv", dataset=DATASETS, seed=SEEDS
        ),
    output:
        png=report(
            f"{RESULTS}/figures/training_curves.png",
            caption="../report/training_curves.rst",
            category="Training",
            labels={"result": "Training curves", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/training_curves.pdf",
    log:
        f"{RESULTS}/logs/training_curves.log",
    benchmark:
        f"{RESULTS}/benchmarks/training_curves.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        runs=[[dataset, seed] for dataset in DATASETS for seed in SEEDS],
        code=stage_code("training_curves.py"),
    script:
        "../scripts/training_curves.py"


rule dimension_losses:
    input:
        expand(
            f"{RESULTS}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
            dataset=DATASETS,
            seed=SEEDS,
        ),
    output:
        png=report(
            f"{RESULTS}/figures/dimension_losses.png",
            caption="../report/dimension_losses.rst",
            category="Training",
            labels={"result": "Loss of each dimension", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/dimension_losses.pdf",
    log:
        f"{RESULTS}/logs/dimension_losses.log",
    benchmark:
        f"{RESULTS}/benchmarks/dimension_losses.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        runs=[[dataset, seed] for dataset in DATASETS for seed in SEEDS],
        code=stage_code("dimension_losses.py"),
    script:
        "../scripts/dimension_losses.py"


rule imitation_table:
    input:
        rollouts=f"{RESULTS}/rollouts/imitation.csv",
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=IMITATION),
    output:
        csv=f"{RESULTS}/tables/imitation.csv",
        markdown=f"{RESULTS}/tables/imitation.md",
        html=report(
            f"{RESULTS}/tables/imitation.html",
            caption="../report/imitation.rst",
            category="Imitation",
            labels={"result": "Normalised returns", "format": "table"},
        ),
        png=report(
            f"{RESULTS}/figures/imitation.png",
            caption="../report/imitation.rst",
            category="Imitation",
            labels={"result": "Return by predicted length", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/imitation.pdf",
    log:
        f"{RESULTS}/logs/imitation_table.log",
    benchmark:
        f"{RESULTS}/benchmarks/imitation_table.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        code=stage_code("imitation.py"),
    script:
        "../scripts/imitation.py"


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


rule offline_rl:
    input:
        rules.table1.output,
        rules.figure4.output,
        rules.tuning_table.output if TUNED else [],
        expand(rules.dataset_card.output, dataset=OFFLINE),


rule imitation:
    input:
        [rules.imitation_table.output, *expand(rules.dataset_card.output, dataset=IMITATION)]
        if IMITATION
        else [],


rule goal_reaching:
    input:
        [
            rules.goal_reaching_table.output,
            rules.figure5.output,
            *expand(rules.dataset_card.output, dataset=ROOMS),
        ]
        if ROOMS
        else [],


rule config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/config.log",
    benchmark:
        f"{RESULTS}/benchmarks/config.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
    script:
        "../scripts/write_config.py"


rule report:
    input:
        rules.offline_rl.input,
        rules.imitation.input,
        rules.goal_reaching.input,
        rules.model_analysis.input,
        rules.ablations.input,
        rules.training_curves.output,
        rules.dimension_losses.output,
        f"{RESULTS}/tables/claims.html",
        config=f"{RESULTS}/config.yaml",
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        captions=code_digest(*(BASE / "workflow/report").glob("*.rst")),
        code=stage_code("write_report.py"),
    script:
        "../scripts/write_report.py"
