# Models to episodes: each job plays all rollouts of one model in one batch. And the time of a plan.


rule write_planner:
    input:
        choice=choice_of("tto"),
    output:
        [f"{RESULTS}/models/{{dataset}}/seed{seed}/planner.json" for seed in SEEDS],
    log:
        log_file("write_planner/{dataset}"),
    benchmark:
        benchmark_file("write_planner/{dataset}")
    wildcard_constraints:
        dataset=one_of(OFFLINE | IMITATION | ROOMS),
    conda:
        "../../environment.yml"
    params:
        planning=planner_of,
        candidates=candidates_of("tto"),
        code=stage_code("evaluation/write_planner.py"),
    script:
        "../scripts/evaluation/write_planner.py"


rule plan:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        dimensions=rules.train.output.dimensions,
        metrics=rules.train.output.metrics,
        planner=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/planner.json",
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/tto/seed{{seed}}-rollout{j}.h5" for j in ROLLOUTS],
    log:
        log_file("plan/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("plan/{dataset}-seed{seed}")
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(24 * 60),
        gpu=GPUS,
    params:
        method="tto",
        changes={},  # of the model's planner
        evaluation=evaluation_of,
        code=stage_code("evaluation/plan.py"),
    script:
        "../scripts/evaluation/plan.py"


use rule plan as imitate with:
    output:
        [
            f"{RESULTS}/rollouts/{{dataset}}/imitation_h{{horizon}}/seed{{seed}}-rollout{j}.h5"
            for j in ROLLOUTS
        ],
    log:
        log_file("imitate/{dataset}-h{horizon}-seed{seed}"),
    benchmark:
        benchmark_file("imitate/{dataset}-h{horizon}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(IMITATION),
        horizon="[0-9]+",
    params:
        method=lambda wildcards: f"imitation_h{wildcards.horizon}",
        changes=lambda wildcards: {"horizon": int(wildcards.horizon)},


use rule plan as reach_goals with:
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/goal/seed{{seed}}-rollout{j}.h5" for j in PAIRS],
    log:
        log_file("reach_goals/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("reach_goals/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ROOMS),
    params:
        method="goal",


rule script_goals:
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/collector/seed{{seed}}-rollout{j}.h5" for j in PAIRS],
    log:
        log_file("script_goals/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("script_goals/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ROOMS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        noise=ACTION_NOISE,
        evaluation=evaluation_of,
        code=stage_code("evaluation/script_goals.py"),
    script:
        "../scripts/evaluation/script_goals.py"


rule act_policy:
    input:
        weights=policy_models("model.safetensors"),
        config=policy_models("config.json"),
        metrics=policy_models("metrics.csv"),
        choice=choice_of(),
    output:
        [f"{RESULTS}/rollouts/{{dataset}}/{{method}}/seed{{seed}}-rollout{j}.h5" for j in ROLLOUTS],
    log:
        log_file("act_policy/{method}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("act_policy/{method}/{dataset}-seed{seed}")
    wildcard_constraints:
        method=one_of(BASELINES),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        candidates=candidates_of(),
        evaluation=evaluation_of,
        code=stage_code("evaluation/act_policy.py"),
    script:
        "../scripts/evaluation/act_policy.py"


rule plan_times:
    output:
        f"{RESULTS}/plan_times.csv",
    log:
        log_file("plan_times"),
    benchmark:
        benchmark_file("plan_times")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPUS,
    params:
        sizes=config["plan_times"],
        device=config["device"],
        precision=config["planning"]["precision"],
        code=stage_code("evaluation/plan_times.py"),
    script:
        "../scripts/evaluation/plan_times.py"
