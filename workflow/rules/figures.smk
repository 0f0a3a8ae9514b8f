from gap.figures.registry import FIGURES as FIGURE_REGISTRY


# Tables (CSV, Markdown, LaTeX) and figures (PDF, PNG) from the tidy tables.
rule make_tables:
    input:
        plan=PLAN_JSON,
        tables=STAGES["aggregate"],
    output:
        [path for path in STAGES["tables"] if not path.endswith(".md")],
        [
            report(
                LIGHT[f"{name}_md"],
                caption="../report/table.rst",
                category="Tables",
                labels={"table": name, "format": "Markdown"},
            )
            for name in DOCUMENT["table_names"]
        ],
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{TIMING}/tables.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Writing tables"
    shell:
        "gap tables --plan {input.plan:q} 2> {log:q}"


rule draw_figures:
    input:
        plan=PLAN_JSON,
        tables=STAGES["aggregate"],
    output:
        [path for path in STAGES["figures"] if not path.endswith(".png")],
        [
            report(
                f"{FIGURES}/{name}.png",
                caption="../report/figure.rst",
                category="Figures",
                labels={"figure": FIGURE_REGISTRY[name].title},
            )
            for name in DOCUMENT["figure_names"]
        ],
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{TIMING}/figures.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "Drawing figures"
    shell:
        "gap figures --plan {input.plan:q} 2> {log:q}"
