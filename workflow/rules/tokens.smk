# Episodes to tokens.


rule tokenize:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        f"{RESULTS}/tokens/{{dataset}}.h5",
    log:
        f"{RESULTS}/logs/tokenize/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenize/{{dataset}}.tsv"
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        discretizer=config["discretizer"],
        discount=config["discount"],
        rewards=rewards_of,
        code=stage_code("tokenize_dataset.py"),
    script:
        "../scripts/tokenize_dataset.py"
