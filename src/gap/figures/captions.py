"""Captions with the numbers a reader needs: baselines, runs, what was chosen and how."""

from __future__ import annotations

from gap.aggregate.study_index import ALL
from gap.figures.data import AXIS_LABEL, GROUP_LABEL, POINTS, Data

BEST = "the best step is chosen by the average that is shown and the unmodified model is one of the candidates, so no run can lie below it"


def runs_text(data: Data) -> str:
    """How many runs: "10 runs per model (2 corpora, 5 texts each), at most 15 updates per run"."""
    study = data.study
    number = _range({len(study.runs_of(model, study.primary)) for model in study.subjects})
    corpora = f"{len(study.corpora)} {'corpora' if len(study.corpora) > 1 else 'corpus'}"
    return f"{number} runs per model ({corpora}, {study.texts} texts each), at most {study.updates} updates per run"


def methods_text(data: Data) -> str:
    """How many runs each method has: "ascent (8 runs), descent (4), soup (2)"."""
    study = data.study
    counts = {label: _range({len(study.runs_of(model, method)) for model in study.subjects}) for method, label in study.methods.items()}
    first, *others = counts.items()
    return ", ".join([f"{first[0]} ({first[1]} runs per model)", *(f"{label} ({count})" for label, count in others)])


def _range(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def baselines_text(data: Data, group: str) -> str:
    """The unmodified models' averages: "0.2M 14.8, 0.5M 16.1 and, for reference, 1.2M 17.0 points"."""
    study = data.study

    def shown(model: str) -> str:
        return f"{study.models[model]} {data.baselines[model, group] * POINTS:.2f}"

    text = ", ".join(map(shown, study.subjects))
    if study.references:
        text += " and, for reference, " + ", ".join(map(shown, study.references))
    return f"{text} points"


def tasks_text(data: Data, group: str) -> str:
    """How many tasks and items: "4 tasks, validation, first 320 items"."""
    study = data.study
    number = len(study.tasks(group))
    return f"unweighted mean of {number} task{'s' if number > 1 else ''}, {study.split} split, at most {study.items} items each"


def both(data: Data) -> str:
    """The unmodified models' averages of every group the study has."""
    return "; ".join(f"{group}: {baselines_text(data, group)}" for group in data.study.groups)


def _figure1(data: Data, group: str) -> str:
    return (
        f"Each dot is one run: its average {AXIS_LABEL[group]} ({tasks_text(data, group)}) at its best step; {BEST}. "
        "Dashed: the unmodified model of that size; solid: the reference model. "
        f"Unmodified: {baselines_text(data, group)}. {runs_text(data)}."
    )


def _by_step(data: Data) -> str:
    return (
        "Mean over runs (line) and their interquartile range (band) of the change against the unmodified model after each update, "
        f"by corpus of the text. A run that diverges counts up to its last step. Unmodified models, {both(data)}. {runs_text(data)}."
    )


def _by_corpus(data: Data) -> str:
    return (
        "Each dot is one run's gain over the unmodified model; black: mean and 95 % bootstrap interval over runs. "
        f"Left: at the best step; {BEST}. Right: at the last step, for which nothing was chosen. "
        f"Unmodified models, {both(data)}. {runs_text(data)}."
    )


def _by_task(data: Data) -> str:
    groups = ", then ".join(GROUP_LABEL[group].lower() for group in data.study.groups)
    return (
        f"Mean change in points against the unmodified model by task (from top to bottom: {groups}), model and corpus. "
        "Left (or above): at the step with the best average of the task's group; right (or below): at the last step. "
        f"Each group has its own colour scale. Averages of the unmodified models, {both(data)}. {runs_text(data)}."
    )


def _methods(data: Data) -> str:
    return (
        "Each dot is one run's change against the unmodified model at its last step, for which nothing was chosen; black: mean and 95 % "
        f"bootstrap interval over runs. Methods: {methods_text(data)}. Random steps have the norm of the ascent's, tensor by tensor and "
        f"update by update. Unmodified models, {both(data)}."
    )


def _familiarity(data: Data) -> str:
    least = min((int(row["runs"]) for key, row in data.familiarity.items() if key[1] != ALL), default=0)
    return (
        "Spearman's rank correlation, over runs, of a run's gain at the last step with what the unmodified model makes of its text, with 95 % bootstrap "
        "intervals over runs. Grey: all corpora together, ranks taken within each corpus, because corpora differ in texts and gains alike; colours: single corpora. "
        "Filled: permutation p below 0.05 after Holm over the features of one panel and colour. Without a line: a perfect order, which no resample can break. No mark: fewer than four runs, or a feature or gain that is "
        f"the same for all of them; a feature that has no mark anywhere is left out. The gradient cosine is the mean over the group's tasks; the fewest runs behind a coloured mark are {least}, and below some ten an interval "
        "says little. These features go together and none was varied alone. Gains at the best step, all corpora with ranks over all of them, and p-values "
        f"are in familiarity.csv. Unmodified models, {both(data)}. {runs_text(data)}."
    )


def _pretraining(data: Data) -> str:
    last = data.pretraining.groupby("model", sort=False).last().reset_index().to_dict("records")
    shown = [
        f"{data.study.models[row['model']]} {row['validation_loss']:.2f} after {row['tokens'] / 1e6:.1f} million tokens" for row in last
    ]
    return (
        "Loss on held-out text (nats per token) while the base models of this study were trained; "
        f"at the end, n = {len(shown)}: {', '.join(shown)}. These are the unmodified models, the baselines of all other figures."
    )


def captions(data: Data, names: list[str]) -> dict[str, dict[str, str]]:
    """Figure name -> title, caption, category."""
    made = {
        "score_by_step": ("Score by number of updates", _by_step(data)),
        "gain_by_corpus": ("Gain by corpus", _by_corpus(data)),
        "task_heatmap": ("Change by task", _by_task(data)),
        "familiarity": ("Gain against what the unmodified model makes of the text", _familiarity(data)),
    }
    if "methods" in names:
        made["methods"] = ("Methods side by side", _methods(data))
    if "pretraining" in names:
        made["pretraining"] = ("Training of the base models", _pretraining(data))
    for group in data.study.groups:
        label = AXIS_LABEL[group]
        title = f"{label[0].upper()}{label[1:]} of every run"
        made[f"figure1_{group}"] = (f"{title} (the paper's Figure 1)" if group == "dialogue" else title, _figure1(data, group))
    return {name: {"title": made[name][0], "caption": made[name][1], "category": "Figures"} for name in names}
