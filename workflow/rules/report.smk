# All of a run on one page, with films of its episodes.

from tto.report.drawing.robots import DRAWN

FILMED = [
    name for name, spec in (OFFLINE | IMITATION | ROOMS).items() if robot_of(spec["env"]) in DRAWN
]


rule film:
    input:
        lambda wildcards: [path for _, path in filmed_episodes(wildcards.dataset)],
    output:
        f"{RESULTS}/figures/films/{{dataset}}.webp",
    log:
        f"{RESULTS}/logs/film/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/film/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=one_of(FILMED),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        names=lambda wildcards: [name for name, _ in filmed_episodes(wildcards.dataset)],
        code=stage_code("film.py"),
    script:
        "../scripts/film.py"


rule config:
    output:
        f"{RESULTS}/config.yaml",
    log:
        f"{RESULTS}/logs/config.log",
    benchmark:
        f"{RESULTS}/benchmarks/config.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
    script:
        "../scripts/write_config.py"


rule report:
    input:
        rules.offline_rl.input,
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
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        captions=code_digest(*(BASE / "workflow/report").glob("*.rst")),
        code=stage_code("write_report.py"),
    script:
        "../scripts/write_report.py"
