# Evaluation items, read once; every later step is offline.
rule fetch_items:
    output:
        f"{DATA}/items/{{task}}-{{key}}/{{split}}.jsonl",
    log:
        f"{LOGS}/items/{{task}}-{{split}}-{{key}}.log",
    benchmark:
        f"{TIMING}/items/{{task}}-{{split}}-{{key}}.tsv"
    retries: 2
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(PLAN.items_job(wildcards.task, wildcards.split)),
    message:
        "Fetching the {wildcards.split} items of {wildcards.task}"
    shell:
        "gap fetch-items --job {params.job:q} --out {output:q} 2> {log:q}"
