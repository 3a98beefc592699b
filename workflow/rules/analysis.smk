# Models as predictors: figures 1 to 3 (section 4.1).


# Where a model's actions come from, by the end of its line's name; the first is the paper's.
SOURCES = {
    f"_{source}" if place else "": source
    for place, source in enumerate(config["model_analysis"]["actions"])
}
TRANSFORMERS = {f"transformer{suffix}": source for suffix, source in SOURCES.items()}
# Models of each dataset.
ANALYSED = {
    dataset: [*TRANSFORMERS]
    + [
        name
        for name in ANALYSIS_VARIANTS
        if dataset in config["model_analysis"]["variants"][name].get("datasets", ANALYSIS)
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
        log_file("collect_held_out/{dataset}"),
    benchmark:
        benchmark_file("collect_held_out/{dataset}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    params:
        transitions=held_out_transitions,
        seed=config["collect"]["seed"] + 1,
        one_start=ONE_START,


use rule tokenize as tokenize_analysis_variant with:
    output:
        f"{RESULTS}/analysis/{{model}}/tokens/{{dataset}}.h5",
    log:
        log_file("tokenize_analysis_variant/{model}/{dataset}"),
    benchmark:
        benchmark_file("tokenize_analysis_variant/{model}/{dataset}")
    wildcard_constraints:
        model=one_of(ANALYSIS_VARIANTS),


use rule train as train_analysis_variant with:
    input:
        analysis_tokens,
    output:
        weights=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/model.safetensors",
        config=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/config.json",
        metrics=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/metrics.csv",
        dimensions=f"{RESULTS}/analysis/{{model}}/models/{{dataset}}/seed{{seed}}/dimensions.csv",
    log:
        log_file("train_analysis_variant/{model}/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("train_analysis_variant/{model}/{dataset}-seed{seed}")
    wildcard_constraints:
        model=one_of(ANALYSIS_VARIANTS),
    params:
        events=f"{RESULTS}/tensorboard/analysis/{{model}}/{{dataset}}/seed{{seed}}",


rule log_likelihoods:
    input:
        weights=analysed_model("model.safetensors"),
        config=analysed_model("config.json"),
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/{{model}}-seed{{seed}}.csv",
    log:
        log_file("log_likelihoods/{dataset}/{model}-seed{seed}"),
    benchmark:
        benchmark_file("log_likelihoods/{dataset}/{model}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
        model=one_of([*TRANSFORMERS, *ANALYSIS_VARIANTS]),
    conda:
        "../../environment.yml"
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
        code=stage_code("analysis/log_likelihoods.py"),
    script:
        "../scripts/analysis/log_likelihoods.py"


rule ensemble_log_likelihoods:
    input:
        weights=rules.train_ensemble.output.weights,
        config=rules.train_ensemble.output.config,
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
        policies=ladder_of,
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/ensemble-seed{{seed}}.csv",
    log:
        log_file("log_likelihoods/{dataset}/ensemble-seed{seed}"),
    benchmark:
        benchmark_file("log_likelihoods/{dataset}/ensemble-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        held_out=HELD_OUT,
        trajectories=config["model_analysis"]["trajectories"],
        sources=SOURCES,
        behavior=behavior_of,
        content=actors_content,
        code=stage_code("analysis/ensemble_log_likelihoods.py"),
    script:
        "../scripts/analysis/ensemble_log_likelihoods.py"


rule marginal_log_likelihoods:
    input:
        training=f"{RESULTS}/datasets/{{dataset}}",
        tokens=f"{RESULTS}/tokens/{{dataset}}.h5",
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        f"{RESULTS}/analysis/log_likelihoods/{{dataset}}/marginal.csv",
    log:
        log_file("log_likelihoods/{dataset}/marginal"),
    benchmark:
        benchmark_file("log_likelihoods/{dataset}/marginal")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        held_out=HELD_OUT,
        trajectories=config["model_analysis"]["trajectories"],
        code=stage_code("analysis/marginal_log_likelihoods.py"),
    script:
        "../scripts/analysis/marginal_log_likelihoods.py"


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
        log_file("collect_log_likelihoods"),
    benchmark:
        benchmark_file("collect_log_likelihoods")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("analysis/collect_log_likelihoods.py"),
    script:
        "../scripts/analysis/collect_log_likelihoods.py"


rule indistinguishable:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        ensemble=rules.train_ensemble.output.weights,
        ensemble_config=rules.train_ensemble.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
        policies=ladder_of,
    output:
        f"{RESULTS}/analysis/indistinguishable/{{dataset}}-seed{{seed}}.csv",
    log:
        log_file("indistinguishable/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("indistinguishable/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
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
        behavior=behavior_of,
        content=actors_content,
        code=stage_code("analysis/indistinguishable.py"),
    script:
        "../scripts/analysis/indistinguishable.py"


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
        log_file("prediction_times/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("prediction_times/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        timing=config["model_analysis"]["timing"],
        code=stage_code("analysis/prediction_times.py"),
    script:
        "../scripts/analysis/prediction_times.py"


rule figure2:
    input:
        rows=f"{RESULTS}/log_likelihoods.csv",
        answers=of_prediction("indistinguishable"),
    output:
        png=report(
            f"{RESULTS}/figures/figure2.png",
            caption="../report/figures/figure2.rst",
            category="Model analysis",
            labels={"result": "Figure 2", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure2.pdf",
        calibration_png=report(
            f"{RESULTS}/figures/calibration.png",
            caption="../report/figures/calibration.rst",
            category="Model analysis",
            labels={"result": "All models and calibration", "format": "picture"},
        ),
        calibration_pdf=f"{RESULTS}/figures/calibration.pdf",
        csv=f"{RESULTS}/tables/model_analysis.csv",
        markdown=f"{RESULTS}/tables/model_analysis.md",
        html=report(
            f"{RESULTS}/tables/model_analysis.html",
            caption="../report/tables/model_analysis.rst",
            category="Model analysis",
            labels={"result": "Likelihood and calibration", "format": "table"},
        ),
    log:
        log_file("figure2"),
    benchmark:
        benchmark_file("figure2")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        trajectories=config["model_analysis"]["trajectories"],
        code=stage_code("figures/figure2.py"),
    script:
        "../scripts/figures/figure2.py"


rule predict:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        ensemble=rules.train_ensemble.output.weights,
        ensemble_config=rules.train_ensemble.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
        policies=ladder_of,
    output:
        f"{RESULTS}/analysis/predictions/{{dataset}}-seed{{seed}}.h5",
    log:
        log_file("predict/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("predict/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
        gpu=GPUS,
    params:
        prediction=config["model_analysis"]["prediction"],
        behavior=behavior_of,
        content=actors_content,
        code=stage_code("analysis/predict.py"),
    script:
        "../scripts/analysis/predict.py"


rule figure1:
    input:
        f"{RESULTS}/analysis/predictions/{shown('prediction')}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/figure1.png",
            caption="../report/figures/figure1.rst",
            category="Model analysis",
            labels={"result": "Figure 1", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure1.pdf",
        webp=f"{RESULTS}/figures/figure1.webp",
        html=report(
            f"{RESULTS}/figures/figure1.html",
            caption="../report/figures/figure1_film.rst",
            category="Model analysis",
            labels={"result": "Figure 1", "format": "film"},
        ),
    log:
        log_file("figure1"),
    benchmark:
        benchmark_file("figure1")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        report=config["report"],
        code=stage_code("figures/figure1.py"),
    script:
        "../scripts/figures/figure1.py"


rule attention:
    input:
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        held_out=f"{RESULTS}/analysis/held_out/{{dataset}}",
    output:
        table=f"{RESULTS}/analysis/attention/{{dataset}}-seed{{seed}}.csv",
        maps=f"{RESULTS}/analysis/attention/{{dataset}}-seed{{seed}}.h5",
    log:
        log_file("attention/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("attention/{dataset}-seed{seed}")
    wildcard_constraints:
        dataset=one_of(ANALYSIS),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=30,
        gpu=GPUS,
    params:
        windows=config["model_analysis"]["attention"]["windows"],
        code=stage_code("analysis/attention.py"),
    script:
        "../scripts/analysis/attention.py"


rule figure3:
    input:
        table=f"{RESULTS}/analysis/attention/{shown('attention')}.csv",
        maps=f"{RESULTS}/analysis/attention/{shown('attention')}.h5",
    output:
        png=report(
            f"{RESULTS}/figures/figure3.png",
            caption="../report/figures/figure3.rst",
            category="Model analysis",
            labels={"result": "Figure 3", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/figure3.pdf",
    log:
        log_file("figure3"),
    benchmark:
        benchmark_file("figure3")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/figure3.py"),
    script:
        "../scripts/figures/figure3.py"


rule model_analysis:
    input:
        [rules.figure1.output, rules.figure2.output, rules.figure3.output] if ANALYSIS else [],
