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
    threads: STUDY.jobs.threads
    resources:
        mem_mb=lambda wildcards: 2000 if DEVICE == "cpu" else 64000,
        runtime=720,
        gpu=GPU,
    params:
        job=lambda wildcards: job_text(describe_job(PLAN, wildcards.model)),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: [f"--corpus={corpus}={path}" for corpus, path in corpora_of(PLAN, wildcards.model).items()],
        tasks=items_flags(PLAN, [(entry.task, entry.split) for entry in gradient_tasks(PLAN)]),
        device=DEVICE,
    message:
        "Describing texts by what {wildcards.model} makes of them"
    shell:
        "gap describe --job {params.job:q} --model {params.model:q} {params.corpora:q} {params.tasks:q} --out {output:q} --device {params.device} --threads {threads} 2> {log:q}"
