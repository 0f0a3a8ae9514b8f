# The best checkpoint of each model as a normal Hugging Face folder, rebuilt from its recipe.
rule export_checkpoint:
    input:
        plan=PLAN_JSON,
        scores=LIGHT["run_scores"],
        trajectories=LIGHT["trajectories"],
    output:
        f"{LIGHT['checkpoints']}/{{model}}/model.safetensors",
        f"{LIGHT['checkpoints']}/{{model}}/gap_recipe.json",
    log:
        f"{LOGS}/checkpoints/{{model}}.log",
    benchmark:
        f"{TIMING}/checkpoints/{{model}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=120,
        gpu=GPUS,
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        device=DEVICE,
        devices=STUDY.jobs.devices,
        memory=STUDY.jobs.memory,
    message:
        "Exporting the best checkpoint of {wildcards.model}"
    shell:
        "gap export --plan {input.plan:q} --model {wildcards.model:q} --out {params.folder:q} --device {params.device} --devices {params.devices} --memory {params.memory} --threads {threads} 2> {log:q}"
