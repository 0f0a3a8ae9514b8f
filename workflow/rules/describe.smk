# What each base model makes of the texts before any update, journalled text by text.
rule describe_texts:
    input:
        model=lambda wildcards: ancient(str(PLAN.model_path(wildcards.model))),
        corpora=lambda wildcards: [ancient(path) for path in texts_for_features(PLAN, wildcards.model)],
        tasks=[ancient(str(PLAN.items_path(entry.task, entry.split))) for entry in gradient_tasks(PLAN)],
    output:
        f"{RESULTS}/features/{{model}}-{{key}}/texts-{{number}}-{{hash}}.parquet",
    log:
        f"{LOGS}/features/{{model}}-{{key}}-{{number}}-{{hash}}.log",
    benchmark:
        f"{TIMING}/features/{{model}}-{{key}}-{{number}}-{{hash}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=720,
        gpu=GPUS,
    params:
        job=lambda wildcards: job_text(describe_job(PLAN, wildcards.model)),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: [f"--corpus={corpus}={path}" for corpus, path in corpora_of(PLAN, wildcards.model).items()],
        tasks=items_flags(PLAN, [(entry.task, entry.split) for entry in gradient_tasks(PLAN)]),
        device=DEVICE,
        devices=STUDY.jobs.devices,
    message:
        "Describing texts by what {wildcards.model} makes of them"
    shell:
        "gap describe --job {params.job:q} --model {params.model:q} {params.corpora:q} {params.tasks:q} --out {output:q} --device {params.device} --devices {params.devices} --threads {threads} 2> {log:q}"
