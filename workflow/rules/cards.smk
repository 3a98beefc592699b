# Datasets to what is known of them.


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
