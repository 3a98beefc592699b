# Models to episodes: each job plays all rollouts of one model in one batch.


rule plan:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/tto/seed{{seed}}-rollout{j}.h5" for j in ROLLOUTS],
    log:
        f"{RESULTS}/logs/plan/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plan/{{dataset}}-seed{{seed}}.tsv"
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=24 * 60,
        gpu=GPUS,
    params:
        planning=lambda wildcards: with_overrides(config["planning"], wildcards.dataset),
        evaluation=evaluation_of,
        code=stage_code("plan.py"),
    script:
        "../scripts/plan.py"


rule act_behavior_cloning:
    input:
        weights=rules.train_behavior_cloning.output.weights,
        config=rules.train_behavior_cloning.output.config,
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/bc/seed{{seed}}-rollout{j}.h5" for j in ROLLOUTS],
    log:
        f"{RESULTS}/logs/act_behavior_cloning/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/act_behavior_cloning/{{dataset}}-seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        evaluation=evaluation_of,
        code=stage_code("act_behavior_cloning.py"),
    script:
        "../scripts/act_behavior_cloning.py"
