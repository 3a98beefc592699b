# Settings varied on other episodes than the reported ones: planners and cloning chosen, and ablations.


use rule tokenize as tokenize_variant with:
    output:
        f"{RESULTS}/trials/{{variant}}/tokens/{{dataset}}.h5",
    log:
        f"{RESULTS}/logs/tokenize_variant/{{variant}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenize_variant/{{variant}}/{{dataset}}.tsv"
    params:
        discretizer=varied_settings("discretizer"),
        discount=varied_settings("discount"),
        rewards=varied_settings("rewards"),
        code=stage_code("tokenize_dataset.py"),


use rule train as train_variant with:
    input:
        variant_tokens,
    output:
        weights=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/trials/{{variant}}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        f"{RESULTS}/logs/train_variant/{{variant}}/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_variant/{{variant}}/{{dataset}}-seed{{seed}}.tsv"
    params:
        model=varied_settings("model"),
        training=varied_settings("training"),
        checkpoints="results/checkpoints/{dataset}/seed{seed}",
        events=f"{RESULTS}/tensorboard/{{variant}}/{{dataset}}/seed{{seed}}",
        code=stage_code("train.py"),


use rule plan as plan_trial with:
    input:
        weights=trial_model("model.safetensors"),
        config=trial_model("config.json"),
    output:
        [
            f"{RESULTS}/trials/{{trial}}/rollouts/{{dataset}}/tto/seed{{seed}}-rollout{j}.h5"
            for j in range(config["trials"]["rollouts"])
        ],
    log:
        f"{RESULTS}/logs/plan_trial/{{trial}}/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plan_trial/{{trial}}/{{dataset}}-seed{{seed}}.tsv"
    params:
        method="tto",
        planning=varied_settings("planning"),
        candidates={},
        evaluation=trial_evaluation,
        code=stage_code("plan.py"),


use rule train_behavior_cloning as train_cloning_variant with:
    output:
        weights=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/bc/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/bc/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/trials/{{variant}}/baselines/{{dataset}}/bc/seed{{seed}}/metrics.csv",
    log:
        f"{RESULTS}/logs/train_cloning_variant/{{variant}}/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_cloning_variant/{{variant}}/{{dataset}}-seed{{seed}}.tsv"
    params:
        behavior_cloning=varied_settings("behavior_cloning"),
        code=stage_code("train_behavior_cloning.py"),


use rule act_behavior_cloning as act_cloning_trial with:
    input:
        weights=cloning_models("model.safetensors"),
        config=cloning_models("config.json"),
    output:
        [
            f"{RESULTS}/trials/{{trial}}/rollouts/{{dataset}}/bc/seed{{seed}}-rollout{j}.h5"
            for j in range(config["trials"]["rollouts"])
        ],
    log:
        f"{RESULTS}/logs/act_cloning_trial/{{trial}}/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/act_cloning_trial/{{trial}}/{{dataset}}-seed{{seed}}.tsv"
    params:
        candidates={},
        evaluation=trial_evaluation,
        code=stage_code("act_behavior_cloning.py"),


rule sweep_rows:
    input:
        lambda wildcards: trial_rollouts("tto", SWEEPS[wildcards.sweep]),
    output:
        f"{RESULTS}/sweeps/{{sweep}}.csv",
    log:
        f"{RESULTS}/logs/sweep_rows/{{sweep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_rows/{{sweep}}.tsv"
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        sweep=lambda wildcards: wildcards.sweep,
        points=lambda wildcards: [[t.line, t.value] for t in SWEEPS[wildcards.sweep]],
        code=stage_code("sweep_rows.py"),
    script:
        "../scripts/sweep_rows.py"


use rule sweep_rows as tuning_rows with:
    input:
        lambda wildcards: trial_rollouts(
            wildcards.method, TUNED[wildcards.method][wildcards.dataset]
        ),
    output:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.csv",
    log:
        f"{RESULTS}/logs/tuning_rows/{{method}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tuning_rows/{{method}}/{{dataset}}.tsv"
    wildcard_constraints:
        method=one_of(TUNED),
        dataset=one_of(OFFLINE),
    params:
        sweep=lambda wildcards: wildcards.method,
        points=lambda wildcards: [
            [t.line, t.value] for t in TUNED[wildcards.method][wildcards.dataset]
        ],
        code=stage_code("sweep_rows.py"),


rule choose_settings:
    input:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.csv",
    output:
        f"{RESULTS}/tuning/{{method}}/{{dataset}}.txt",
    log:
        f"{RESULTS}/logs/choose_settings/{{method}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/choose_settings/{{method}}/{{dataset}}.tsv"
    wildcard_constraints:
        method=one_of(TUNED),
        dataset=one_of(OFFLINE),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("choose_settings.py"),
    script:
        "../scripts/choose_settings.py"


rule tuning_table:
    input:
        [f"{RESULTS}/tuning/{method}/{name}.csv" for method in TUNED for name in OFFLINE],
    output:
        csv=f"{RESULTS}/tables/tuning.csv",
        markdown=f"{RESULTS}/tables/tuning.md",
        html=report(
            f"{RESULTS}/tables/tuning.html",
            caption="../report/tuning.rst",
            category="Offline reinforcement learning",
            labels={"result": "Choice of settings", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/tuning_table.log",
    benchmark:
        f"{RESULTS}/benchmarks/tuning_table.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        candidates={method: candidates(config, method) for method in TUNED},
        code=stage_code("tuning.py"),
    script:
        "../scripts/tuning.py"


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
            caption="../report/ablation.rst",
            category="Ablations",
            labels={"sweep": "{sweep}"},
        ),
        pdf=f"{RESULTS}/figures/ablations/{{sweep}}.pdf",
    log:
        f"{RESULTS}/logs/ablation/{{sweep}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ablation/{{sweep}}.tsv"
    wildcard_constraints:
        sweep=one_of(SWEEPS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        label=lambda wildcards: config["ablations"]["sweeps"][wildcards.sweep].get("label"),
        line_key=lambda wildcards: config["ablations"]["sweeps"][wildcards.sweep]
        .get("lines", {})
        .get("key", ""),
        report=config["report"],
        code=stage_code("ablation.py"),
    script:
        "../scripts/ablation.py"


rule ablations:
    input:
        expand(
            f"{RESULTS}/figures/ablations/{{sweep}}.{{format}}",
            sweep=SWEEPS,
            format=["png", "pdf"],
        ),
