# Models to episodes: each job plays all rollouts of one model in one batch.


rule plan:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        choice=choice_of("tto"),
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
        mem_mb=growing(8000),
        runtime=growing(24 * 60),
        gpu=GPUS,
    params:
        method="tto",
        planning=planning_of,
        candidates=candidates_of("tto"),
        evaluation=evaluation_of,
        code=stage_code("plan.py"),
    script:
        "../scripts/plan.py"


use rule plan as imitate with:
    output:
        [
            f"{RESULTS}/rollouts/{{dataset}}/imitation_h{{horizon}}/seed{{seed}}-rollout{j}.h5"
            for j in ROLLOUTS
        ],
    log:
        f"{RESULTS}/logs/imitate/{{dataset}}-h{{horizon}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/imitate/{{dataset}}-h{{horizon}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(IMITATION),
        horizon="[0-9]+",
    params:
        method=lambda wildcards: f"imitation_h{wildcards.horizon}",
        planning=lambda wildcards: planning_of(wildcards) | {"horizon": int(wildcards.horizon)},
        evaluation=evaluation_of,
        code=stage_code("plan.py"),


use rule plan as reach_goals with:
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/goal/seed{{seed}}-rollout{j}.h5" for j in PAIRS],
    log:
        f"{RESULTS}/logs/reach_goals/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reach_goals/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ROOMS),
    params:
        method="goal",
        planning=planning_of,
        evaluation=evaluation_of,
        code=stage_code("plan.py"),


rule script_goals:
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/collector/seed{{seed}}-rollout{j}.h5" for j in PAIRS],
    log:
        f"{RESULTS}/logs/script_goals/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/script_goals/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ROOMS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        noise=ACTION_NOISE,
        evaluation=evaluation_of,
        code=stage_code("script_goals.py"),
    script:
        "../scripts/script_goals.py"


rule act_behavior_cloning:
    input:
        weights=cloning_models("model.safetensors"),
        config=cloning_models("config.json"),
        choice=choice_of("bc"),
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
        candidates=candidates_of("bc"),
        evaluation=evaluation_of,
        code=stage_code("act_behavior_cloning.py"),
    script:
        "../scripts/act_behavior_cloning.py"
