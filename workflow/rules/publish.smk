# Files under docs/ that the workflow makes; not part of `all`: a published run, and the graph of rules.


# What makes this run's results; an overlay from elsewhere by its name alone, as no one else has its folder.
OVERLAYS = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
OVERLAYS = [Path(path).name if path.startswith("..") else path for path in OVERLAYS]
COMMAND = " ".join(["snakemake --cores all", *(["--configfile", *OVERLAYS] if OVERLAYS else [])])


rule publish:
    input:
        rules.report.input,
        rules.claims.input,
        rules.claims.output,
        config=f"{RESULTS}/config.yaml",
    output:
        page=f"docs/results/{config['run']}/README.md",
        provenance=f"docs/results/{config['run']}/provenance.json",
    log:
        log_file("publish"),
    benchmark:
        benchmark_file("publish")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        command=COMMAND,
        repository=str(BASE),
        results=lambda wildcards, input: os.path.dirname(input.config),
        code=stage_code("page/publish.py"),
    script:
        "../scripts/page/publish.py"


rule rulegraph:
    input:
        "config/paper.yaml",
    output:
        "docs/rulegraph.mmd",
    log:
        log_file("rulegraph"),
    benchmark:
        benchmark_file("rulegraph")
    conda:
        "../../environment.yml"
    params:
        snakefile=str(BASE / "Snakefile"),
        rules=code_digest(*(BASE / "workflow/rules").glob("*.smk")),
        code=stage_code("page/rulegraph.py"),
    script:
        "../scripts/page/rulegraph.py"
