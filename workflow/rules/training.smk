# Trainings to curves.


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
