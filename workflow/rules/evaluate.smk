# Evaluation: one table per task and shard of runs; a job scores a shard on a group of tasks and replays each run once.
# One rule per group of tasks, because the paths of its tables carry the tasks' own keys.  A table that is there stays
# (`update`): a job that lacks one of its tables scores that task alone.
from gap.plan.stages import corpora, evaluate, items, models, posttrain, tokenizers

for group, pairs in enumerate(evaluate.task_groups(PLAN)):

    rule:
        name:
            f"evaluate_base_{group}"
        input:
            model=lambda wildcards: ancient(str(models.path(PLAN, wildcards.model))),
            tasks=ancients(items.path(PLAN, *pair) for pair in pairs),
        output:
            score_tables(pairs, "base-items-{number}"),
        log:
            log_of(f"scores/{{model}}-{{key}}/base-items-{{number}}-{group}"),
        benchmark:
            timing_of(f"scores/{{model}}-{{key}}/base-items-{{number}}-{group}")
        conda:
            "../envs/compute.yaml"
        threads: THREADS
        resources:
            **model_job(SCORING),
            runtime=240,
        params:
            job=lambda wildcards, pairs=pairs: job_text(evaluate.job(PLAN, wildcards.model, pairs)),
            model=lambda wildcards, input: os.path.dirname(input.model),
            tasks=items.flags(PLAN, pairs),
            tables=lambda wildcards, output, pairs=pairs: score_flags(pairs, output),
            scorer=lambda wildcards: STUDY.models[wildcards.model].scorer,
            runtime=RUNTIME,
        message:
            "Scoring the unmodified {wildcards.model}"
        shell:
            "gap evaluate --job {params.job:q} --model {params.model:q} {params.tasks:q} {params.tables:q}"
            " --scorer {params.scorer} {params.runtime} --threads {threads} 2> {log:q}"

    rule:
        name:
            f"evaluate_runs_{group}"
        input:
            model=lambda wildcards: ancient(str(models.path(PLAN, wildcards.model))),
            tasks=ancients(items.path(PLAN, *pair) for pair in pairs),
            corpora=lambda wildcards, pairs=pairs: ancients(
                corpora.inputs_for(PLAN, wildcards.model, [evaluate.path(PLAN, shard(wildcards), *pair) for pair in pairs])
            ),
            trajectories=lambda wildcards: ancient(str(posttrain.path(PLAN, shard(wildcards)))),
        output:
            score_tables(pairs, "{method}-texts-{first}-{last}-{hash}"),
        log:
            log_of(f"scores/{{model}}-{{key}}/{{method}}-{{first}}-{{last}}-{{hash}}-{group}"),
        benchmark:
            timing_of(f"scores/{{model}}-{{key}}/{{method}}-{{first}}-{{last}}-{{hash}}-{group}")
        conda:
            "../envs/compute.yaml"
        threads: THREADS
        resources:
            **model_job(SCORING + POSTTRAINING),
            runtime=1440,
        params:
            job=lambda wildcards, pairs=pairs: job_text(evaluate.job(PLAN, wildcards.model, pairs, shard(wildcards))),
            model=lambda wildcards, input: os.path.dirname(input.model),
            tasks=items.flags(PLAN, pairs),
            corpora=lambda wildcards: corpora.flags(PLAN, wildcards.model),
            tables=lambda wildcards, output, pairs=pairs: score_flags(pairs, output),
            scorer=lambda wildcards: STUDY.models[wildcards.model].scorer,
            runtime=f"{RUNTIME} --memory {STUDY.jobs.memory}",
        message:
            "Scoring {wildcards.model}, {wildcards.method}, texts {wildcards.first} to {wildcards.last}"
        shell:
            "gap evaluate --job {params.job:q} --model {params.model:q} {params.tasks:q} {params.corpora:q}"
            " --trajectories {input.trajectories:q} {params.tables:q} --scorer {params.scorer}"
            " {params.runtime} --threads {threads} 2> {log:q}"


# Items that lm-eval, which encodes context and continuation together, would score differently are named in the report.
rule report_boundary:
    input:
        tokenizers=ancients(tokenizers.path(PLAN, name) for name in PLAN.tokenizers),
        tasks=ancients(items.path(PLAN, *pair) for pair in PLAN.task_splits),
    output:
        table=LIGHT["boundary"],
        record=GRAPH.record("boundary"),
    log:
        log_of("boundary"),
    benchmark:
        timing_of("boundary")
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tokenizers=[f"--tokenizer={name}={tokenizers.path(PLAN, name)}" for name in PLAN.tokenizers],
        tasks=items.flags(PLAN, PLAN.task_splits),
        limit=STUDY.evaluate.items,
    message:
        "Comparing the tokens of items at the boundary"
    shell:
        "gap boundary {params.tokenizers:q} {params.tasks:q} --limit {params.limit} --out {output.table:q}"
        " --record {output.record:q} 2> {log:q}"


# Items whose prediction depends on batch shape, dtype or kernel set a floor under every difference between checkpoints.
rule report_noise:
    input:
        model=ancients(models.path(PLAN, name) for name in PLAN.subjects),
        tasks=ancients(items.path(PLAN, *pair) for pair in PLAN.task_splits),
    output:
        table=LIGHT["noise"],
        record=GRAPH.record("noise"),
    log:
        log_of("noise"),
    benchmark:
        timing_of("noise")
    conda:
        "../envs/compute.yaml"
    threads: THREADS
    resources:
        **model_job(SCORING),
        runtime=240,
    params:
        settings=job_text(STUDY.evaluate),
        models=[f"--model={name}={models.path(PLAN, name)}" for name in PLAN.subjects],
        plain=evaluate.plain_flags(PLAN),
        tasks=items.flags(PLAN, PLAN.task_splits),
        runtime=RUNTIME,
    message:
        "Finding the noise floor of each task"
    shell:
        "gap noise-floor --settings {params.settings:q} {params.models:q} {params.plain:q} {params.tasks:q}"
        " --out {output.table:q} --record {output.record:q} {params.runtime} --threads {threads} 2> {log:q}"
