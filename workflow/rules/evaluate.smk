# Evaluation: one job per model, task and shard of runs; a reference model is scored as it is.
rule evaluate_base:
    input:
        model=lambda wildcards: ancient(str(PLAN.model_path(wildcards.model))),
        tasks=lambda wildcards: ancient(str(PLAN.items_path(wildcards.task, wildcards.split))),
    output:
        f"{RESULTS}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}/base-items-{{number}}.parquet",
    log:
        f"{LOGS}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}-base-{{number}}.log",
    benchmark:
        f"{TIMING}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}-base-{{number}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=240,
        gpu=GPUS,
    params:
        job=lambda wildcards: job_text(PLAN.evaluate_job(wildcards.model, wildcards.task, wildcards.split)),
        model=lambda wildcards, input: os.path.dirname(input.model),
        device=DEVICE,
        devices=STUDY.jobs.devices,
    message:
        "Scoring {wildcards.task} on the unmodified {wildcards.model}"
    shell:
        "gap evaluate --job {params.job:q} --model {params.model:q} --items {input.tasks:q} --out {output:q} --device {params.device} --devices {params.devices} --threads {threads} 2> {log:q}"


rule evaluate_runs:
    input:
        model=lambda wildcards: ancient(str(PLAN.model_path(wildcards.model))),
        tasks=lambda wildcards: ancient(str(PLAN.items_path(wildcards.task, wildcards.split))),
        corpora=lambda wildcards: [ancient(path) for path in texts_for_scores(PLAN, shard(wildcards), wildcards.task, wildcards.split)],
        trajectories=lambda wildcards: ancient(str(PLAN.trajectories_path(shard(wildcards)))),
    output:
        f"{RESULTS}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}/{{method}}-texts-{{first}}-{{last}}-{{hash}}.parquet",
    log:
        f"{LOGS}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}-{{method}}-{{first}}-{{last}}-{{hash}}.log",
    benchmark:
        f"{TIMING}/scores/{{task}}-{{split}}-{{taskkey}}/{{model}}-{{key}}-{{method}}-{{first}}-{{last}}-{{hash}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=1440,
        gpu=GPUS,
    params:
        job=lambda wildcards: job_text(PLAN.evaluate_job(wildcards.model, wildcards.task, wildcards.split, shard(wildcards))),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: [f"--corpus={corpus}={path}" for corpus, path in corpora_of(PLAN, wildcards.model).items()],
        device=DEVICE,
        devices=STUDY.jobs.devices,
        memory=STUDY.jobs.memory,
    message:
        "Scoring {wildcards.task} on {wildcards.model}, {wildcards.method}, texts {wildcards.first} to {wildcards.last}"
    shell:
        "gap evaluate --job {params.job:q} --model {params.model:q} --items {input.tasks:q} {params.corpora:q} --trajectories {input.trajectories:q} --out {output:q} --device {params.device} --devices {params.devices} --memory {params.memory} --threads {threads} 2> {log:q}"


# Items that lm-eval, which encodes context and continuation together, would score differently are named in the report.
rule report_boundary:
    input:
        plan=PLAN_JSON,
        tokenizers=[str(PLAN.tokenizer_path(name)) for name in PLAN.tokenizers],
        tasks=[str(PLAN.items_path(task, split)) for task, split in PLAN.task_splits],
    output:
        LIGHT["boundary"],
    log:
        f"{LOGS}/boundary.log",
    benchmark:
        f"{TIMING}/boundary.tsv"
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tokenizers=[f"--tokenizer={name}={PLAN.tokenizer_path(name)}" for name in PLAN.tokenizers],
        tasks=items_flags(PLAN, PLAN.task_splits),
        limit=STUDY.evaluate.items,
    message:
        "Comparing the tokens of items at the boundary"
    shell:
        "gap boundary --plan {input.plan:q} {params.tokenizers:q} {params.tasks:q} --limit {params.limit} --out {output:q} 2> {log:q}"


# Items whose prediction depends on batch shape, dtype or kernel set a floor under every difference between checkpoints.
rule report_noise:
    input:
        plan=PLAN_JSON,
        models=[ancient(str(PLAN.model_path(name))) for name in PLAN.subjects],
        tasks=[ancient(str(PLAN.items_path(task, split))) for task, split in PLAN.task_splits],
    output:
        LIGHT["noise"],
    log:
        f"{LOGS}/noise.log",
    benchmark:
        f"{TIMING}/noise.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=240,
        gpu=GPUS,
    params:
        settings=job_text(STUDY.evaluate),
        models=[f"--model={name}={PLAN.model_path(name)}" for name in PLAN.subjects],
        tasks=items_flags(PLAN, PLAN.task_splits),
        device=DEVICE,
        devices=STUDY.jobs.devices,
    message:
        "Finding the noise floor of each task"
    shell:
        "gap noise-floor --plan {input.plan:q} --settings {params.settings:q} {params.models:q} {params.tasks:q} --out {output:q} --device {params.device} --devices {params.devices} --threads {threads} 2> {log:q}"
