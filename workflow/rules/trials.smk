# Settings varied on other episodes than the reported ones: planners and cloning chosen, and ablations.


use rule tokenize as tokenize_variant with:
    output:
        f"{RESULTS}/trials/{{variant}}/tokens/{{dataset}}.h5",
    log:
        log_file("tokenize_variant/{variant}/{dataset}"),
    benchmark:
        benchmark_file("tokenize_variant/{variant}/{dataset}")


use rule train as train_variant with:
    input:
        variant_tokens,
    output:
        weights=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        log_file("train_variant/{variant}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train_variant/{variant}/{dataset}-seed{seed}")
    params:
        events=f"{RESULTS}/tensorboard/{{variant}}/{{dataset}}/seed{{seed}}",


use rule plan as plan_trial with:
    input:
        weights=trial_model("model.safetensors"),
        config=trial_model("config.json"),
        dimensions=trial_model("dimensions.csv"),
        metrics=trial_model("metrics.csv"),
    output:
        [
            f"{RESULTS}/trials/{{trial}}/rollouts/{{dataset}}/tto/seed{{seed}}-rollout{j}.h5"
            for j in range(config["trials"]["rollouts"])
        ],
    log:
        log_file("plan_trial/{trial}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("plan_trial/{trial}/{dataset}-seed{seed}")
    params:
        changes=settings("planning"),  # all of them
        evaluation=trial_evaluation,


use rule train_policy as train_policy_variant with:
    output:
        weights=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/{{method}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/{{method}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/{{method}}/seed{{seed}}/metrics.csv",
    log:
        log_file("train_policy_variant/{variant}/{method}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train_policy_variant/{variant}/{method}/{dataset}-seed{seed}")
    params:
        events=f"{RESULTS}/tensorboard/{{variant}}/{{dataset}}/{{method}}-seed{{seed}}",


use rule act_policy as act_policy_trial with:
    input:
        weights=policy_models("model.safetensors"),
        config=policy_models("config.json"),
        metrics=policy_models("metrics.csv"),
    output:
        [
            f"{RESULTS}/trials/{{trial}}/rollouts/{{dataset}}/{{method}}/seed{{seed}}-rollout{j}.h5"
            for j in range(config["trials"]["rollouts"])
        ],
    log:
        log_file("act_policy_trial/{trial}/{method}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("act_policy_trial/{trial}/{method}/{dataset}-seed{seed}")
    params:
        candidates={},
        evaluation=trial_evaluation,


rule sweep_rows:
    input:
        lambda wildcards: trial_rollouts("tto", SWEEPS[wildcards.sweep]),
    output:
        f"{RESULTS}/sweeps/{{sweep}}.csv",
    log:
        log_file("sweep_rows/{sweep}"),
    benchmark:
        benchmark_file("sweep_rows/{sweep}")
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    conda:
        "../../environment.yml"
    params:
        sweep=lambda wildcards: wildcards.sweep,
        points=lambda wildcards: [[t.line, t.value] for t in SWEEPS[wildcards.sweep]],
        code=stage_code("evaluation/sweep_rows.py"),
    script:
        "../scripts/evaluation/sweep_rows.py"


use rule sweep_rows as tuning_rows with:
    input:
        lambda wildcards: trial_rollouts(
            wildcards.method, TUNED[wildcards.method][wildcards.dataset]
        ),
    output:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.csv",
    log:
        log_file("tuning_rows/{method}/{dataset}"),
    benchmark:
        benchmark_file("tuning_rows/{method}/{dataset}")
    wildcard_constraints:
        method=one_of(TUNED),
        dataset=one_of(OFFLINE),
    params:
        sweep=lambda wildcards: wildcards.method,
        points=lambda wildcards: [
            [t.line, t.value] for t in TUNED[wildcards.method][wildcards.dataset]
        ],
        code=stage_code("evaluation/sweep_rows.py"),


rule choose_settings:
    input:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.csv",
    output:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.txt",
    log:
        log_file("choose_settings/{method}/{dataset}"),
    benchmark:
        benchmark_file("choose_settings/{method}/{dataset}")
    wildcard_constraints:
        method=one_of(TUNED),
        dataset=one_of(OFFLINE),
    conda:
        "../../environment.yml"
    params:
        code=stage_code("evaluation/choose_settings.py"),
    script:
        "../scripts/evaluation/choose_settings.py"


rule tuning_table:
    input:
        [f"{RESULTS}/tuning/{method}/{name}.csv" for method in TUNED for name in OFFLINE],
    output:
        csv=f"{RESULTS}/tables/tuning.csv",
        markdown=f"{RESULTS}/tables/tuning.md",
        html=report(
            f"{RESULTS}/tables/tuning.html",
            caption="../report/tables/tuning.rst",
            category="Offline reinforcement learning",
            labels={"result": "Choice of settings", "format": "table"},
        ),
    log:
        log_file("tuning_table"),
    benchmark:
        benchmark_file("tuning_table")
    conda:
        "../../environment.yml"
    params:
        candidates={method: candidates(config, method) for method in TUNED},
        code=stage_code("tables/tuning.py"),
    script:
        "../scripts/tables/tuning.py"


rule ablation:
    input:
        sweep=f"{RESULTS}/sweeps/{{sweep}}.csv",
        statistics=lambda wildcards: expand(
            f"{RESULTS}/statistics/{{dataset}}.csv",
            dataset=dict.fromkeys(trial.dataset for trial in SWEEPS[wildcards.sweep]),
        ),
    output:
        png=report(
            f"{RESULTS}/figures/ablations/{{sweep}}.png",
            caption="../report/figures/ablation.rst",
            category="Ablations",
            labels={"sweep": "{sweep}"},
        ),
        pdf=f"{RESULTS}/figures/ablations/{{sweep}}.pdf",
    log:
        log_file("ablation/{sweep}"),
    benchmark:
        benchmark_file("ablation/{sweep}")
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    conda:
        "../../environment.yml"
    params:
        label=lambda wildcards: config["ablations"]["sweeps"][wildcards.sweep].get("label"),
        line_key=lambda wildcards: config["ablations"]["sweeps"][wildcards.sweep]
        .get("lines", {})
        .get("key", ""),
        report=config["report"],
        code=stage_code("figures/ablation.py"),
    script:
        "../scripts/figures/ablation.py"


rule ablations:
    input:
        expand(
            f"{RESULTS}/figures/ablations/{{sweep}}.{{format}}",
            sweep=SWEEPS,
            format=["png", "pdf"],
        ),
