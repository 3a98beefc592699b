# Behaviour policies, datasets of each source, their statistics and cards.


rule train_actors:
    output:
        "results/actors/{robot}/ladder.csv",
    log:
        "results/actors/logs/{robot}.log",
    benchmark:
        "results/actors/benchmarks/{robot}.tsv"
    wildcard_constraints:
        robot="[a-z0-9]+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(12 * 60),
    params:
        # Not an output: a killed training goes on from here.
        checkpoints="results/actors/checkpoints",
        code=stage_code("data/train_actors.py"),
    script:
        "../scripts/data/train_actors.py"


rule collect:
    input:
        ladder_of,
    output:
        directory(f"{RESULTS}/datasets/{{dataset}}"),
    log:
        log_file("collect/{dataset}"),
    benchmark:
        benchmark_file("collect/{dataset}")
    wildcard_constraints:
        dataset=datasets_from("collect"),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        env=dataset_option("env"),
        kind=collected_kind,
        agent=dataset_option("agent"),
        mask=dataset_option("mask"),
        max_steps=dataset_option("max_steps"),
        actors=lambda wildcards: config["collect"]["actors"],
        content=actors_content,
        transitions=dataset_option("transitions", config["collect"]["transitions"]),
        seed=config["collect"]["seed"],
        noise=config["collect"]["noise"],
        one_start=False,
        code=stage_code("data/collect.py"),
    script:
        "../scripts/data/collect.py"


rule download_d4rl:
    output:
        f"{DOWNLOADS}/{{file}}.hdf5",
    log:
        f"{DOWNLOADS}/logs/{{file}}.log",
    benchmark:
        f"{DOWNLOADS}/benchmarks/{{file}}.tsv"
    wildcard_constraints:
        file="[A-Za-z0-9_-]+",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=240,
    params:
        d4rl=config["d4rl"],
        code=stage_code("data/download_d4rl.py"),
    script:
        "../scripts/data/download_d4rl.py"


rule import_dataset:
    input:
        dataset_file,
    output:
        directory(f"{RESULTS}/datasets/{{dataset}}"),
    log:
        log_file("import_dataset/{dataset}"),
    benchmark:
        benchmark_file("import_dataset/{dataset}")
    wildcard_constraints:
        dataset=datasets_from("d4rl", "minari", "file"),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        env=dataset_option("env"),
        source=dataset_option("source"),
        location=dataset_location,
        content=dataset_content,
        cutting=dataset_options("unfinished", "jumps"),
        code=stage_code("data/import_dataset.py"),
    script:
        "../scripts/data/import_dataset.py"


rule dataset_statistics:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        f"{RESULTS}/statistics/{{dataset}}.csv",
    log:
        log_file("dataset_statistics/{dataset}"),
    benchmark:
        benchmark_file("dataset_statistics/{dataset}")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        source=lambda wildcards: DATASETS[wildcards.dataset]["source"],
        code=stage_code("data/dataset_statistics.py"),
    script:
        "../scripts/data/dataset_statistics.py"


rule dataset_card:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}",
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/datasets/{{dataset}}.png",
            caption="../report/figures/dataset_card.rst",
            category="Datasets",
            labels={"dataset": "{dataset}"},
        ),
        pdf=f"{RESULTS}/figures/datasets/{{dataset}}.pdf",
    log:
        log_file("dataset_card/{dataset}"),
    benchmark:
        benchmark_file("dataset_card/{dataset}")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        source=lambda wildcards: DATASETS[wildcards.dataset]["source"],
        report=config["report"],
        code=stage_code("figures/dataset_card.py"),
    script:
        "../scripts/figures/dataset_card.py"
