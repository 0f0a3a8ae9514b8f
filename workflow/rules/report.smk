# One self-contained page: figures, tables, parameters, versions, provenance.
rule write_report:
    input:
        plan=PLAN_JSON,
        tables=[*STAGES["aggregate"], *STAGES["tables"], LIGHT["overlap"], LIGHT["boundary"], LIGHT["noise"]],
        figures=STAGES["figures"],
        checkpoints=[path for stage, paths in STAGES.items() if stage.startswith("export-") for path in paths],
    output:
        LIGHT["report"],
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{TIMING}/report.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Writing the report"
    shell:
        "gap report --plan {input.plan:q} 2> {log:q}"
