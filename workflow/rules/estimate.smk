# Estimates from item scores, and verdicts on the paper's claims by the rules of preregistration.yaml.
rule estimate:
    input:
        heavy=ancients(GRAPH.heavy),
        tables=ancients(STAGES["aggregate"].paths),
    output:
        STAGES["estimate"].paths,
        record=GRAPH.record("estimate"),
    log:
        log_of("estimate"),
    benchmark:
        timing_of("estimate")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        plan=GRAPH.plan_json,
    message:
        "Estimating effects and judging the paper's claims"
    shell:
        "gap estimate --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
