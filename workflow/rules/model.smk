# Tokens to Transformers, and episodes to what they are compared with.


rule train:
    input:
        f"{RESULTS}/tokens/{{dataset}}.h5",
    output:
        weights=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        f"{RESULTS}/logs/train/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{dataset}}-seed{{seed}}.tsv"
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    threads: config["training"]["threads"] * config["training"]["processes"]
    resources:
        mem_mb=growing(8000),
        runtime=growing(24 * 60),
        gpu=GPUS * config["training"]["processes"],
    params:
        model=model_of,
        training=training_of,
        # Not an output: Snakemake removes those of a job that dies, and a killed training goes on from here.
        # Keyed by all that determines the weights, so runs of other names share what is trained.
        checkpoints="results/checkpoints/{dataset}/seed{seed}",
        events=f"{RESULTS}/tensorboard/{{dataset}}/seed{{seed}}",
        code=stage_code("train.py"),
    script:
        "../scripts/train.py"


rule train_behavior_cloning:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        weights=f"{RESULTS}/baselines/{{dataset}}/bc/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/baselines/{{dataset}}/bc/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/baselines/{{dataset}}/bc/seed{{seed}}/metrics.csv",
    log:
        f"{RESULTS}/logs/train_behavior_cloning/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_behavior_cloning/{{dataset}}-seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        behavior_cloning=config["behavior_cloning"],
        code=stage_code("train_behavior_cloning.py"),
    script:
        "../scripts/train_behavior_cloning.py"


rule train_ensemble:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        weights=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/baselines/{{dataset}}/pets/seed{{seed}}/metrics.csv",
    log:
        f"{RESULTS}/logs/train_ensemble/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_ensemble/{{dataset}}-seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(6 * 60),
        gpu=GPUS,
    params:
        ensemble=config["ensemble"],
        code=stage_code("train_ensemble.py"),
    script:
        "../scripts/train_ensemble.py"
