# Where episodes come from: behaviour policies, and datasets of each source.


rule train_actors:
    output:
        "results/actors/{robot}/ladder.csv",
    log:
        "results/actors/logs/{robot}.log",
    benchmark:
        "results/actors/benchmarks/{robot}.tsv"
    wildcard_constraints:
        robot="[a-z0-9]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(12 * 60),
    params:
        # Not an output: a killed training goes on from here.
        checkpoints="results/actors/checkpoints",
        code=stage_code("train_actors.py"),
    script:
        "../scripts/train_actors.py"


rule collect:
    input:
        ladder_of,
    output:
        directory(f"{RESULTS}/datasets/{{dataset}}"),
    log:
        f"{RESULTS}/logs/collect/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=datasets_from("collect"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        env=dataset_option("env"),
        kind=dataset_option("kind"),
        agent=dataset_option("agent"),
        mask=dataset_option("mask"),
        actors=config["collect"]["actors"],
        transitions=dataset_option("transitions", config["collect"]["transitions"]),
        seed=config["collect"]["seed"],
        noise=config["collect"]["noise"],
        one_start=False,
        code=stage_code("collect.py"),
    script:
        "../scripts/collect.py"


rule download_d4rl:
    output:
        f"{DOWNLOADS}/{{file}}.hdf5",
    log:
        f"{DOWNLOADS}/logs/{{file}}.log",
    benchmark:
        f"{DOWNLOADS}/benchmarks/{{file}}.tsv"
    wildcard_constraints:
        file="[A-Za-z0-9_-]+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=240,
    params:
        d4rl=config["d4rl"],
        code=stage_code("download_d4rl.py"),
    script:
        "../scripts/download_d4rl.py"


rule import_dataset:
    input:
        dataset_file,
    output:
        directory(f"{RESULTS}/datasets/{{dataset}}"),
    log:
        f"{RESULTS}/logs/import_dataset/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_dataset/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=datasets_from("d4rl", "minari", "file"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        env=dataset_option("env"),
        source=dataset_option("source"),
        location=dataset_location,
        code=stage_code("import_dataset.py"),
    script:
        "../scripts/import_dataset.py"
