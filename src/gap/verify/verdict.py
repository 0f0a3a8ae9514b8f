"""From a study's plan.json and the name of what to hold it against to a verdict; and recording expectations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.verify.compare import Verdict, compare, repeat
from gap.verify.snapshot import read, save, snapshot

#: What stands for the authors' released rows in place of a file.
AUTHORS = "authors"
#: Folder of the committed expectations.
FOLDER = Path("expectations")


def judge(plan: dict[str, Any], name: str, against: str = "") -> Verdict:
    """The verdict on the results of study ``name``, behind the content of its plan.json.

    Parameters
    ----------
    against: a file of expectations, or ``authors``; where empty, the study's own file, or the authors' rows where it has none and
        its models and corpora are theirs.

    Raises
    ------
    BadInput: results are missing, nothing is expected of them, or the two cannot be compared.
    """
    _check_runs_models(plan, name)
    source = Path(against) if against else FOLDER / f"{name}.json"
    if against == AUTHORS or (not against and not source.exists()):
        from gap.verify.authors import compare_with_authors, has_authors_rows, read_authors_rows

        if not has_authors_rows(plan):
            cure = f"Record one from results that you trust: gap verify {name} --record."
            raise BadInput(str(source), "no expectations of this study", "a file of them", cure)
        return compare_with_authors(plan, read_authors_rows())
    expected = read(source)
    _check_scores(plan, name)
    return compare(expected, snapshot(plan), str(source))


def write_expectations(plan: dict[str, Any], name: str, against: str, label: str) -> Path:
    """Record the results of a study as what is expected, or where there is a ``label``, as a repeat of that name; the file.

    A repeat takes the place of one of the same name.  What was recorded of repeats stays when expectations are recorded anew.

    Raises
    ------
    BadInput: results are missing; a repeat cannot be compared with the expectations; or the file is none of them.
    """
    _check_runs_models(plan, name)
    _check_scores(plan, name)
    path, found = Path(against) if against else FOLDER / f"{name}.json", snapshot(plan)
    if label:
        expected = read(path)
        kept = [each for each in expected["repeats"] if each["label"] != label]
        save(path, expected | {"repeats": [*kept, repeat(expected, found, label)]})
    else:
        save(path, found | {"repeats": read(path)["repeats"] if path.exists() else []})
    return path


def _check_runs_models(plan: dict[str, Any], name: str) -> None:
    if "scores" not in plan:
        raise BadInput(f"results/{name}", "a study that runs no model", "one with item scores", "Nothing is expected of it.")


def _check_scores(plan: dict[str, Any], name: str) -> None:
    files = [entry["path"] for entry in plan["scores"]]
    missing = [file for file in files if not Path(file).exists()]
    if missing:
        found = f"{len(missing)} of {len(files)} files of item scores are not here, such as {missing[0]}"
        raise BadInput(f"results/{name}", found, "all that plan.json names", f"Get them with dvc pull, or compute them: make STUDY={name}.")
