# All of a run on one page, with films of its episodes.


FILMED = OFFLINE | IMITATION | ROOMS
ALONE = OFFLINE and not (IMITATION or ROOMS or ANALYSIS)  # offline RL is the run's only experiment


rule film:
    input:
        lambda wildcards: [path for _, path in filmed_episodes(wildcards.dataset)],
    output:
        f"{RESULTS}/figures/films/{{dataset}}.webp",
    log:
        log_file("film/{dataset}"),
    benchmark:
        benchmark_file("film/{dataset}")
    wildcard_constraints:
        dataset=one_of(FILMED),
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        names=lambda wildcards: [name for name, _ in filmed_episodes(wildcards.dataset)],
        code=stage_code("figures/film.py"),
    script:
        "../scripts/figures/film.py"


rule config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        log_file("config"),
    benchmark:
        benchmark_file("config")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
    script:
        "../scripts/page/write_config.py"


rule report:
    input:
        OFFLINE_RESULTS,
        rules.imitation.input,
        rules.goal_reaching.input,
        rules.model_analysis.input,
        rules.ablations.input,
        rules.training_curves.output,
        rules.dimension_losses.output,
        f"{RESULTS}/tables/claims.html",
        expand(f"{RESULTS}/figures/films/{{dataset}}.webp", dataset=FILMED),
        config=f"{RESULTS}/config.yaml",
    output:
        f"{RESULTS}/report.html",
    log:
        log_file("report"),
    benchmark:
        benchmark_file("report")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        captions=code_digest(*(BASE / "workflow/report").rglob("*.rst")),
        code=stage_code("page/write_report.py"),
    script:
        "../scripts/page/write_report.py"


use rule report as report_of_offline_rl with:
    input:
        OFFLINE_RESULTS,
        expand(f"{RESULTS}/figures/films/{{dataset}}.webp", dataset=OFFLINE),
        config=f"{RESULTS}/config.yaml",
    output:
        f"{RESULTS}/offline_rl.html",
    log:
        log_file("report_of_offline_rl"),
    benchmark:
        benchmark_file("report_of_offline_rl")


rule offline_rl:
    input:
        OFFLINE_RESULTS,
        rules.report.output if ALONE else rules.report_of_offline_rl.output if OFFLINE else [],
