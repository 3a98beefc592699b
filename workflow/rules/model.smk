# Tokens to Transformers and their training curves, and episodes to baselines.


rule train:
    input:
        f"{RESULTS}/tokens/{{dataset}}.h5",
    output:
        weights=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        log_file("train/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train/{dataset}-seed{seed}")
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    threads: config["training"]["threads"] * config["training"]["processes"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(24 * 60),
        gpu=GPUS * config["training"]["processes"],
    params:
        model=settings("model"),
        training=training_settings,
        # Not an output: Snakemake removes those of a job that dies, and a killed training goes on from here.
        # Keyed by all that determines the weights, so runs of other names share what is trained.
        checkpoints="results/checkpoints/{dataset}/seed{seed}",
        events=f"{RESULTS}/tensorboard/{{dataset}}/seed{{seed}}",
        code=stage_code("models/train.py"),
    script:
        "../scripts/models/train.py"


rule train_policy:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        weights=f"{RESULTS}/baselines/{{dataset}}/{{method}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/baselines/{{dataset}}/{{method}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/baselines/{{dataset}}/{{method}}/seed{{seed}}/metrics.csv",
    log:
        log_file("train_policy/{method}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train_policy/{method}/{dataset}-seed{seed}")
    wildcard_constraints:
        method=one_of(BASELINES),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(720),
        # behaviour cloning and MBOP train on the processor
        gpu=lambda wildcards: 0 if wildcards.method in ("bc", "mbop") else GPUS,
    params:
        settings=lambda wildcards: settings(SECTIONS[wildcards.method])(wildcards),
        # as in rule train
        checkpoints="results/checkpoints/{dataset}/{method}-seed{seed}",
        events=f"{RESULTS}/tensorboard/{{dataset}}/{{method}}-seed{{seed}}",
        code=stage_code("models/train_policy.py"),
    script:
        "../scripts/models/train_policy.py"


rule train_ensemble:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        weights=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/metrics.csv",
    log:
        log_file("train_ensemble/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train_ensemble/{dataset}-seed{seed}")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(6 * 60),
        gpu=GPUS,
    params:
        ensemble=config["ensemble"],
        code=stage_code("models/train_ensemble.py"),
    script:
        "../scripts/models/train_ensemble.py"


rule training_curves:
    input:
        expand(
            f"{RESULTS}/models/{{dataset}}/seed{{seed}}/metrics.csv", dataset=DATASETS, seed=SEEDS
        ),
    output:
        png=report(
            f"{RESULTS}/figures/training_curves.png",
            caption="../report/figures/training_curves.rst",
            category="Training",
            labels={"result": "Training curves", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/training_curves.pdf",
    log:
        log_file("training_curves"),
    benchmark:
        benchmark_file("training_curves")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        runs=[[dataset, seed] for dataset in DATASETS for seed in SEEDS],
        code=stage_code("figures/training_curves.py"),
    script:
        "../scripts/figures/training_curves.py"


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
            caption="../report/figures/dimension_losses.rst",
            category="Training",
            labels={"result": "Loss of each dimension", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/dimension_losses.pdf",
    log:
        log_file("dimension_losses"),
    benchmark:
        benchmark_file("dimension_losses")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        runs=[[dataset, seed] for dataset in DATASETS for seed in SEEDS],
        code=stage_code("figures/dimension_losses.py"),
    script:
        "../scripts/figures/dimension_losses.py"
