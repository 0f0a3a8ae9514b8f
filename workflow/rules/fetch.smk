# Evaluation items, read once; every later step is offline.
from gap.plan.stages import items


rule fetch_items:
    output:
        f"{DATA}/items/{{task}}-{{key}}/{{split}}.jsonl",
    log:
        log_of("items/{task}-{split}-{key}"),
    benchmark:
        timing_of("items/{task}-{split}-{key}")
    retries: 2
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(items.job(PLAN, wildcards.task, wildcards.split)),
    message:
        "Fetching the {wildcards.split} items of {wildcards.task}"
    shell:
        "gap fetch-items --job {params.job:q} --out {output:q} 2> {log:q}"
