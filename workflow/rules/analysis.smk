# Models as predictors: figures 1 to 3 (section 4.1).


# Lines of the Transformer itself: where its actions come from; the first one is the paper's.
TRANSFORMERS = {
    "transformer" if place == 0 else f"transformer_{source}": source
    for place, source in enumerate(config["model_analysis"]["actions"])
}
# Models of each dataset.
ANALYSED = {
    dataset: [*TRANSFORMERS]
    + [
        name
        for name, variant in ANALYSIS_VARIANTS.items()
        if dataset in variant.get("datasets", ANALYSIS)
    ]
    for dataset in ANALYSIS
}

PREDICTED = config["model_analysis"]["prediction"]  # what figure 1 shows
ONE_START = config["model_analysis"]["starts"] == "one"
HELD_OUT = {  # which held-out episodes are scored
    "episodes": config["model_analysis"]["episodes"],
    "steps": config["model_analysis"]["steps"],
    "one_start": ONE_START,
}


use rule collect as collect_held_out with:
    output:
        directory(f"{RESULTS}/analysis/held_out/{{dataset}}"),
    log:
        f"{RESULTS}/logs/collect_held_out/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_held_out/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    params:
        env=dataset_option("env"),
        kind=dataset_option("kind"),
        agent=dataset_option("agent"),
        mask=dataset_option("mask"),
        actors=config["collect"]["actors"],
        transitions=held_out_transitions,
        seed=config["collect"]["seed"] + 1,
        noise=config["collect"]["noise"],
        one_start=ONE_START,
        code=stage_code("collect.py"),


use rule tokenize as tokenize_analysis_variant with:
    output:
        f"{RESULTS}/analysis/{{model}}/tokens/{{dataset}}.h5",
    log:
        f"{RESULTS}/logs/tokenize_analysis_variant/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenize_analysis_variant/{{model}}/{{dataset}}.tsv"
    wildcard_constraints:
        model=one_of(ANALYSIS_VARIANTS),
    params:
        discretizer=analysis_variant("discretizer"),
        discount=config["discount"],
        rewards=config["rewards"],
        code=stage_code("tokenize_dataset.py"),


use rule train as train_analysis_variant with:
    input:
        analysis_tokens,
    output:
        weights=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        f"{RESULTS}/logs/train_analysis_variant/{{model}}/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_analysis_variant/{{model}}/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        model=one_of(ANALYSIS_VARIANTS),
    params:
        model=analysis_variant("model"),
        training=analysis_variant("training"),
        checkpoints="results/checkpoints/{dataset}/seed{seed}",
        events=f"{RESULTS}/tensorboard/analysis/{{model}}/{{dataset}}/seed{{seed}}",
        code=stage_code("train.py"),


rule log_likelihoods:
    input:
        weights=analysed_model("model.safetensors"),
        config=analysed_model("config.json"),
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/{{model}}-seed{{seed}}.csv",
    log:
        f"{RESULTS}/logs/log_likelihoods/{{dataset}}/{{model}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/log_likelihoods/{{dataset}}/{{model}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
        model=one_of([*TRANSFORMERS, *ANALYSIS_VARIANTS]),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(6 * 60),
        gpu=GPUS,
    params:
        held_out=HELD_OUT,
        trajectories=config["model_analysis"]["trajectories"],
        actions=lambda wildcards: TRANSFORMERS.get(
            wildcards.model, config["model_analysis"]["actions"][0]
        ),
        code=stage_code("log_likelihoods.py"),
    script:
        "../scripts/log_likelihoods.py"


rule ensemble_log_likelihoods:
    input:
        weights=rules.train_ensemble.output.weights,
        config=rules.train_ensemble.output.config,
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/ensemble-seed{{seed}}.csv",
    log:
        f"{RESULTS}/logs/log_likelihoods/{{dataset}}/ensemble-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/log_likelihoods/{{dataset}}/ensemble-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        held_out=HELD_OUT,
        trajectories=config["model_analysis"]["trajectories"],
        code=stage_code("ensemble_log_likelihoods.py"),
    script:
        "../scripts/ensemble_log_likelihoods.py"


rule marginal_log_likelihoods:
    input:
        training=f"{RESULTS}/datasets/{{dataset}}",
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/marginal.csv",
    log:
        f"{RESULTS}/logs/log_likelihoods/{{dataset}}/marginal.log",
    benchmark:
        f"{RESULTS}/benchmarks/log_likelihoods/{{dataset}}/marginal.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        held_out=HELD_OUT,
        trajectories=config["model_analysis"]["trajectories"],
        code=stage_code("marginal_log_likelihoods.py"),
    script:
        "../scripts/marginal_log_likelihoods.py"


rule collect_log_likelihoods:
    input:
        [
            f"{RESULTS}/analysis/log_likelihoods/{dataset}/{model}-seed{seed}.csv"
            for dataset, models in ANALYSED.items()
            for model in [*models, "ensemble"]
            for seed in SEEDS
        ],
        expand(f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/marginal.csv", dataset=ANALYSIS),
    output:
        f"{RESULTS}/log_likelihoods.csv",
    log:
        f"{RESULTS}/logs/collect_log_likelihoods.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_log_likelihoods.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("collect_log_likelihoods.py"),
    script:
        "../scripts/collect_log_likelihoods.py"


rule indistinguishable:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        ensemble=rules.train_ensemble.output.weights,
        ensemble_config=rules.train_ensemble.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/indistinguishable/{{dataset}}-seed{{seed}}.csv",
    log:
        f"{RESULTS}/logs/indistinguishable/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/indistinguishable/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPUS,
    params:
        held_out={
            "episodes": config["model_analysis"]["indistinguishable"]["trajectories"],
            "steps": PREDICTED["steps"],
            "one_start": ONE_START,
        },
        code=stage_code("indistinguishable.py"),
    script:
        "../scripts/indistinguishable.py"


rule prediction_times:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        ensemble=rules.train_ensemble.output.weights,
        ensemble_config=rules.train_ensemble.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/prediction_times/{{dataset}}-seed{{seed}}.csv",
    log:
        f"{RESULTS}/logs/prediction_times/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prediction_times/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        timing=config["model_analysis"]["timing"],
        code=stage_code("prediction_times.py"),
    script:
        "../scripts/prediction_times.py"


rule figure2:
    input:
        rows=f"{RESULTS}/log_likelihoods.csv",
        answers=of_prediction("indistinguishable"),
    output:
        png=report(
            f"{RESULTS}/figures/figure2.png",
            caption="../report/figure2.rst",
            category="Model analysis",
            labels={"result": "Figure 2", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure2.pdf",
        calibration_png=report(
            f"{RESULTS}/figures/calibration.png",
            caption="../report/calibration.rst",
            category="Model analysis",
            labels={"result": "All models and calibration", "format": "picture"},
        ),
        calibration_pdf=f"{RESULTS}/figures/calibration.pdf",
        csv=f"{RESULTS}/tables/model_analysis.csv",
        markdown=f"{RESULTS}/tables/model_analysis.md",
        html=report(
            f"{RESULTS}/tables/model_analysis.html",
            caption="../report/model_analysis.rst",
            category="Model analysis",
            labels={"result": "Likelihood and calibration", "format": "table"},
        ),
    log:
        f"{RESULTS}/logs/figure2.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure2.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        trajectories=config["model_analysis"]["trajectories"],
        code=stage_code("figure2.py"),
    script:
        "../scripts/figure2.py"


rule predict:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        ensemble=rules.train_ensemble.output.weights,
        ensemble_config=rules.train_ensemble.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/predictions/{{dataset}}-seed{{seed}}.h5",
    log:
        f"{RESULTS}/logs/predict/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPUS,
    params:
        prediction=config["model_analysis"]["prediction"],
        code=stage_code("predict.py"),
    script:
        "../scripts/predict.py"


rule figure1:
    input:
        f"{RESULTS}/analysis/predictions/{shown('prediction')}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/figure1.png",
            caption="../report/figure1.rst",
            category="Model analysis",
            labels={"result": "Figure 1", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure1.pdf",
        webp=f"{RESULTS}/figures/figure1.webp",
        html=report(
            f"{RESULTS}/figures/figure1.html",
            caption="../report/figure1_film.rst",
            category="Model analysis",
            labels={"result": "Figure 1", "format": "film"},
        ),
    log:
        f"{RESULTS}/logs/figure1.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure1.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        report=config["report"],
        code=stage_code("figure1.py"),
    script:
        "../scripts/figure1.py"


rule attention:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        table=f"{RESULTS}/analysis/attention/{{dataset}}-seed{{seed}}.csv",
        maps=f"{RESULTS}/analysis/attention/{{dataset}}-seed{{seed}}.h5",
    log:
        f"{RESULTS}/logs/attention/{{dataset}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attention/{{dataset}}-seed{{seed}}.tsv"
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=GPUS,
    params:
        windows=config["model_analysis"]["attention"]["windows"],
        code=stage_code("attention.py"),
    script:
        "../scripts/attention.py"


rule figure3:
    input:
        table=f"{RESULTS}/analysis/attention/{shown('attention')}.csv",
        maps=f"{RESULTS}/analysis/attention/{shown('attention')}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/figure3.png",
            caption="../report/figure3.rst",
            category="Model analysis",
            labels={"result": "Figure 3", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure3.pdf",
    log:
        f"{RESULTS}/logs/figure3.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure3.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        report=config["report"],
        code=stage_code("figure3.py"),
    script:
        "../scripts/figure3.py"


rule model_analysis:
    input:
        [rules.figure1.output, rules.figure2.output, rules.figure3.output] if ANALYSIS else [],
