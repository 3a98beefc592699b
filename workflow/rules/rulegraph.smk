# The rules of the paper as a picture in the docs; not part of `all`.


rule rulegraph:
    input:
        "config/paper.yaml",
    output:
        "docs/rulegraph.mmd",
    log:
        f"{RESULTS}/logs/rulegraph.log",
    benchmark:
        f"{RESULTS}/benchmarks/rulegraph.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        snakefile=str(BASE / "Snakefile"),
        rules=code_digest(*(BASE / "workflow/rules").glob("*.smk")),
        code=stage_code("rulegraph.py"),
    script:
        "../scripts/rulegraph.py"
