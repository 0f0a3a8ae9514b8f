"""Commands for people: where things are, the JSON schema, the page of tables, the code lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PARAMS = Annotated[Path, typer.Option(help="The parameters file.")]


def where(
    name: Annotated[str, typer.Argument(metavar="[STUDY]", help="A study; that of params.yaml where none is named.")] = "",
    params: PARAMS = Path("params.yaml"),
) -> None:
    """Print what a study found, where its figures, tables and report are, and what to do next."""
    from gap.params.load import load_study
    from gap.params.published import PublishedStudy

    study = load_study(params, {"study": name} if name else None)
    print(f"study    {study.name}: {study.title}")
    if sentence := found(Path("results") / study.name / "plan.json"):
        print(f"found    {sentence}")
    paths = {
        "figures": f"figures/{study.name}/",
        "tables": f"results/{study.name}/tables/",
        "metrics": f"results/{study.name}/metrics.json",
        "models": f"checkpoints/{study.name}/",
        "report": f"results/{study.name}/report.html",
    }
    if isinstance(study, PublishedStudy):
        del paths["models"]
    for label, path in paths.items():
        print(f"{label:<8} {path}{'' if Path(path).exists() else '   (not made yet)'}")
    for label, line in zip(("next", "", ""), next_steps(study.name), strict=True):
        print(f"{label:<8} {line}")


def found(plan: Path) -> str:
    """Question and answer that a study's report begins with; empty where there are no results."""
    from gap.cli.job import read_plan
    from gap.core.files import read_object

    if not plan.exists():
        return ""
    document = read_plan(plan)
    verdicts = Path(document["light"]["verdicts"])
    if not verdicts.exists():
        return ""
    if "models" not in document:
        from gap.published.verdicts import verdict_sentences

        return verdict_sentences(read_object(verdicts))["gain"]
    from gap.aggregate.study_index import study_index
    from gap.report.summary import QUESTION, answer

    return f"{QUESTION} {answer(read_object(verdicts), study_index(document).models)}"


def next_steps(study: str) -> tuple[str, str, str]:
    """What to do with the results of a study, and after it."""
    report = f"results/{study}/report.html"
    return (
        f"open {report} in a browser" if Path(report).exists() else f"make STUDY={study}, which writes the report",
        "make STUDY=small, two real pretrained models in an evening" if study != "small" else "make help, which lists the other studies",
        "docs/extending.md: models, texts, methods, tasks and figures of your own",
    )


def schema(out: Annotated[Path, typer.Option(help="Where to write it.")] = Path("docs/params.schema.json")) -> None:
    """Write the JSON schema of params.yaml (editors complete and check with it)."""
    from gap.core.files import write_json
    from gap.params.json_schema import params_schema

    write_json(out, params_schema())


#: Where those tables of ``gap.core.tables`` are that stand elsewhere than in results/STUDY/observations/NAME.parquet, or there too.
TABLE_FILES = {
    "texts": "data/STUDY/corpora/*/texts-*.parquet, and the planned texts in results/STUDY/observations/texts.parquet",
    "text_features": "results/STUDY/features/*/texts-*.parquet, and results/STUDY/observations/text_features.parquet",
    "trajectories": "results/STUDY/runs/*/*.parquet, and results/STUDY/observations/trajectories.parquet",
    "item_scores": "results/STUDY/scores/*/*/*.parquet: one task's split, one model, one shard of runs each",
    "published_rows": "results/published/observations/rows.parquet",
}


def tables_page() -> str:
    """docs/tables.md: every table with its columns, types and meanings."""
    from gap.core.tables import TABLES

    lines = [
        "# Tables",
        "",
        "Written by `gap tables-doc` from `gap.core.tables`; a test fails when the two differ. Stages hand each other these tables as Parquet files.",
        "A type `dictionary` is a string that repeats, `double` is fp64. No column has missing values; NaN means that there is no such number.",
    ]
    for name, columns in TABLES.items():
        file = TABLE_FILES.get(name, f"results/STUDY/observations/{name}.parquet")
        lines += ["", f"## {name}", "", f"`{file}`", "", "| column | type | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{column}` | {kind} | {meaning} |" for column, (kind, meaning) in columns.items()]
    return "\n".join(lines) + "\n"


def tables_doc(out: Annotated[Path, typer.Option(help="Where to write it.")] = Path("docs/tables.md")) -> None:
    """Write the page of all tables' columns."""
    from gap.core.files import write_text

    write_text(out, tables_page())


def lock_code(
    new_results: Annotated[
        bool,
        typer.Option(
            "--new-results/--same-results",
            help="Whether the change can alter results: new keys, everything after it runs again; or same results: keys stay.",
        ),
    ],
) -> None:
    """Record the present code of all stages in code.lock.json."""
    from gap.plan.code import lock_code as lock
    from gap.plan.stages import units

    changed = lock(units(), new_results=new_results)
    print(f"{'raised' if new_results else 'kept'} the version of: {', '.join(changed) or 'nothing, no stage has changed'}")
