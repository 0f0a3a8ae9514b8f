# The best checkpoint of each model as a normal Hugging Face folder, rebuilt from its recipe.
from gap.params.names import name_in_rule
from gap.plan.stages import models

for model in PLAN.subjects:

    rule:
        name:
            f"export_checkpoint_{name_in_rule(model)}"
        input:
            model=ancient(str(models.path(PLAN, model))),
            scores=ancient(LIGHT["run_scores"]),
            trajectories=ancient(LIGHT["trajectories"]),
        output:
            files=STAGES[f"export-{model}"].paths,
            record=GRAPH.record(f"export-{model}"),
        log:
            log_of(f"checkpoints/{model}"),
        benchmark:
            timing_of(f"checkpoints/{model}")
        conda:
            "../envs/compute.yaml"
        threads: THREADS
        resources:
            **model_job(POSTTRAINING, PLAN.primary),
            runtime=120,
        params:
            plan=GRAPH.plan_json,
            model=model,
            folder=lambda wildcards, output: os.path.dirname(output.files[0]),
            runtime=f"{RUNTIME} --memory {STUDY.jobs.memory}",
        message:
            f"Exporting the best checkpoint of {model}"
        shell:
            "gap export --plan {params.plan:q} --model {params.model:q} --out {params.folder:q}"
            " --record {output.record:q} {params.runtime} --threads {threads} 2> {log:q}"
