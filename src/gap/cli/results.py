"""What the results of a study say by other metrics, whether its item scores still give them, and whether they are the expected ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gap.cli.options import record_option
from gap.cli.project import PARAMS

#: Differences that are named.
SHOWN = 10
#: The stages that read item scores and what was made of them, in this order; the report also tells of the jobs, from their logs.
STATISTICS = ("estimate", "tables", "figures")
STUDY = Annotated[str, typer.Argument(metavar="[STUDY]", help="A study; that of params.yaml where none is named.")]


@record_option
def rescore(
    study: STUDY = "",
    plan: Annotated[Path | None, typer.Option(help="plan.json of the study, in place of its name; prints nothing.")] = None,
    policy: Annotated[str, typer.Option(help="Which step of a run is shown: last or best.")] = "last",
    params: PARAMS = Path("params.yaml"),
) -> None:
    """Compute other metrics of the stored item scores: acc_norm, Brier score, calibration, F1 at equal length, distinct-n."""
    from gap.cli.job import read_plan
    from gap.core.errors import BadInput
    from gap.core.files import read_csv
    from gap.params.load import load_study
    from gap.runtime.arithmetic import light_arithmetic, set_arithmetic

    if policy not in ("last", "best"):
        raise BadInput("--policy", repr(policy), "last or best", "Correct it.")
    path = plan or Path("results") / load_study(params, {"study": study} if study else None).name / "plan.json"
    document = read_plan(path, "Run the study first: make STUDY=NAME.")
    if "scores" not in document:
        raise BadInput(str(path), "a study without item scores", "a study that runs models", "Name one: gap rescore demo.")
    set_arithmetic(light_arithmetic(document))  # before NumPy is loaded
    from gap.estimate import rescore as stage

    files = [entry["path"] for entry in document["scores"]] + [name for splits in document["items"].values() for name in splits.values()]
    missing = [name for name in files if not Path(name).exists()]
    summary = Path(document["light"]["rescored_summary"])
    if not missing:
        stage.rescore(document)
    elif plan or not summary.exists():
        found = f"{len(missing)} of {len(files)} files of item scores and items are not here, such as {missing[0]}"
        raise BadInput(str(path), found, "all that plan.json names", "Get them with dvc pull, or compute them: make STUDY=NAME.")
    if not plan:
        print(f"{summary}{'' if not missing else ', as it was made: the item scores are not here'}")
        print("\n".join(stage.lines(list(read_csv(summary)), policy)))


def statistics(study: STUDY = "", params: PARAMS = Path("params.yaml")) -> None:
    """Compute estimates, verdicts, tables and figures anew, from item scores alone. Exit code 1: a file was another one before."""
    from gap.cli.light import make
    from gap.core.digest import file_digest
    from gap.core.errors import BadInput

    name, document = _plan_of(study, params)
    if not {"scores", "stages"} <= set(document):
        raise BadInput(f"study {name}", "no item scores", "a study that runs models", "Name one: gap statistics demo.")
    read = [entry["path"] for entry in document["scores"]] + document["stages"]["aggregate"]["outputs"]
    if missing := [path for path in read if not Path(path).exists()]:
        found = f"{len(missing)} of {len(read)} files with scores by item and run are not here, such as {missing[0]}"
        cure = f"Get them: dvc pull results/{name}/scores results/{name}/observations; or compute them: make STUDY={name}."
        raise BadInput(f"study {name}", found, "all that plan.json names", cure)
    written = [path for stage in STATISTICS for path in document["stages"][stage]["outputs"]]
    before = {path: file_digest(Path(path)) for path in written if Path(path).exists()}
    for stage in STATISTICS:
        make(stage, document)
    changed = [path for path in before if file_digest(Path(path)) != before[path]]
    print(f"{len(written)} files made from {len(document['scores'])} tables of item scores: {len(before) - len(changed)} as they were, "
          f"{len(changed)} changed, {len(written) - len(before)} new")  # fmt: skip
    if changed:
        print("".join(f"  {path}\n" for path in changed), end="")
        raise typer.Exit(1)


def verify(
    study: STUDY = "",
    against: Annotated[
        str, typer.Option(help="A file of expectations, or authors for their released rows. Default: expectations/STUDY.json, if there.")
    ] = "",
    record: Annotated[
        bool, typer.Option("--record", help="Write these results to the file as what is expected; its repeats stay.")
    ] = False,
    repeat: Annotated[str, typer.Option(help="Add these results to the file as a repeat of this name: its differences are noise.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    params: PARAMS = Path("params.yaml"),
) -> None:
    """Compare a study's results with what is expected. Exit code 0: as expected, 1: different, 2: they cannot be compared."""
    import json

    from gap.core.errors import BadInput
    from gap.verify.verdict import AUTHORS, judge, write_expectations

    if record and repeat:
        raise BadInput("--record and --repeat", "both", "one of them", "Record what is expected first, then add repeats of it.")
    if (record or repeat) and against == AUTHORS:
        cure = "Leave --against out, or name a file of expectations."
        raise BadInput(f"--against {AUTHORS}", "the authors' released rows, which are not written", "a file of expectations", cure)
    name, plan = _plan_of(study, params)
    if record or repeat:
        print(f"wrote {write_expectations(plan, name, against, repeat)}")
        return
    verdict = judge(plan, name, against)
    if as_json:
        print(json.dumps({"verdict": "as expected" if verdict.expected else "different", **verdict.numbers}, indent=2, allow_nan=False))
    else:
        print(f"verify   {verdict.line}")
        print("".join(f"  {sentence}\n" for sentence in verdict.beyond[:SHOWN]), end="")
        if len(verdict.beyond) > SHOWN:
            print(f"  and {len(verdict.beyond) - SHOWN} more (--json has all)")
    if not verdict.expected:
        raise typer.Exit(1)


def _plan_of(study: str, params: Path) -> tuple[str, dict[str, Any]]:
    """A study's name, and its plan.json."""
    from gap.cli.job import read_plan
    from gap.params.load import load_study

    name = load_study(params, {"study": study} if study else None).name
    return name, read_plan(Path("results") / name / "plan.json", f"Run the study first: make STUDY={name}.")
