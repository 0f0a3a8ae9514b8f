from gap.figures.registry import FIGURES as FIGURE_REGISTRY


# Tables (CSV, Markdown, LaTeX) and figures (PDF, PNG) from the tidy tables.  The old ones stay until all new ones are there (`update`).
rule make_tables:
    input:
        tables=ancients(STAGES["aggregate"].paths),
    output:
        [update(path) for path in STAGES["tables"].paths if not path.endswith(".md")],
        [
            report(
                update(LIGHT[f"{name}_md"]),
                caption="../report/table.rst",
                category="Tables",
                labels={"table": name, "format": "Markdown"},
            )
            for name in DOCUMENT["table_names"]
        ],
        record=GRAPH.record("tables"),
    log:
        log_of("tables"),
    benchmark:
        timing_of("tables")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=GRAPH.plan_json,
    message:
        "Writing tables"
    shell:
        "gap tables --plan {params.plan:q} --record {output.record:q} 2> {log:q}"


rule draw_figures:
    input:
        tables=ancients(path for need in STAGES["figures"].needs for path in STAGES[need].paths),
    output:
        [update(path) for path in STAGES["figures"].paths if not path.endswith(".png")],
        [
            report(
                update(f"{FIGURES}/{name}.png"),
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": FIGURE_REGISTRY[name].title},
            )
            for name in DOCUMENT["figure_names"]
        ],
        record=GRAPH.record("figures"),
    log:
        log_of("figures"),
    benchmark:
        timing_of("figures")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=GRAPH.plan_json,
    message:
        "Drawing figures"
    shell:
        "gap figures --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
