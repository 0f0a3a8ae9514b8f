# One self-contained page: figures, tables, parameters, versions, provenance.
rule write_report:
    input:
        light=ancients(path for name in STAGES["report"].needs for path in STAGES[name].paths),
    output:
        report=update(LIGHT["report"]),
        record=GRAPH.record("report"),
    log:
        log_of("report"),
    benchmark:
        timing_of("report")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=GRAPH.plan_json,
    message:
        "Writing the report"
    shell:
        "gap report --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
