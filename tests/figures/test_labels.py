"""Labels of a study's own: dollar signs, letters of other scripts, and what is left where a figure cannot be drawn."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from gap.figures.data import load
from gap.figures.drawings import figure1, methods, score_by_step, task_heatmap
from gap.figures.fonts import FAMILY, boxes, fonts_for
from gap.figures.registry import FIGURES
from gap.figures.stage import figures
from gap.figures.style import SINGLE, drawing, save
from gap.figures.table import Column, Table, to_latex

#: A dollar sign that mathtext cannot parse, one that it can, a backslash, and what a legend would leave out.
LABELS = {"models": r"5$ \frac{", "corpora": "_$x^2$"}
#: Of STIX, which comes with matplotlib; DejaVu Sans lacks it.
SCRIPT = "\N{PLANCK CONSTANT OVER TWO PI}\N{MATHEMATICAL SCRIPT SMALL B}"


def labelled(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The plan with such labels everywhere, its figures in ``folder``."""
    light = plan["light"] | {"figures": str(folder), "captions": str(folder / "captions.json")}
    models = {name: entry | {"label": f"{LABELS['models']} {name}"} for name, entry in plan["models"].items()}
    corpora = [entry | {"label": f"{LABELS['corpora']} {entry['name']}"} for entry in plan["corpora"]]
    methods = [entry | {"label": f"$ {entry['name']} $$"} for entry in plan["methods"]]
    tasks = {name: entry | {"label": f"${name}"} for name, entry in plan["tasks"].items()}
    study = plan["study"] | {"name": "cost_$5$"}
    return plan | {"light": light, "models": models, "corpora": corpora, "methods": methods, "tasks": tasks, "study": study}


def test_a_dollar_sign_is_drawn_as_it_is(plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[str]] = {}

    def keep(figure: Any, folder: Path, name: str, points: Any) -> None:
        save(figure, folder, name, points)
        assert not any(text.get_parse_math() for text in figure.findobj(Text))
        seen[name] = {text.get_text() for text in figure.findobj(Text)}

    for module in (figure1, score_by_step, task_heatmap, methods):
        monkeypatch.setattr(module, "save", keep)
    figures(labelled(plan, tmp_path / "figures"))
    assert {path.stem for path in (tmp_path / "figures").glob("*.pdf")} == set(plan["figure_names"])
    assert {r"5$ \frac{ tiny", "_$x^2$ seen", f"study cost_$5$, plan {plan['digest']}"} <= seen["figure1_dialogue"]
    assert "$piqa" in seen["task_heatmap"]


def test_old_figures_stay_until_all_new_ones_are_drawn(plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = labelled(plan, tmp_path / "figures") | {"figure_names": ["figure1_dialogue", "methods"]}
    (tmp_path / "figures").mkdir()
    old = {name: tmp_path / "figures" / name for name in ("figure1_dialogue.png", "figure1_dialogue.pdf", "captions.json")}
    for path in old.values():
        path.write_text("old")

    def fails(data: Any, folder: Path, name: str) -> None:
        raise ArithmeticError(name)

    last = document["figure_names"][-1]
    entries = [figure if figure.name != last else type(figure)(**vars(figure) | {"draw": fails}) for figure in FIGURES]
    monkeypatch.setattr("gap.figures.stage.FIGURES", {figure.name: figure for figure in entries})
    with pytest.raises(ArithmeticError, match=last):
        figures(document)
    assert {path.name: path.read_text() for path in (tmp_path / "figures").iterdir()} == dict.fromkeys(old, "old")
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_letters_that_the_font_lacks_come_from_another(plan: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert fonts_for("Grün → β, 5 %") == ((), "")
    families, missing = fonts_for(f"a {SCRIPT}")
    assert families and not missing and FAMILY not in families

    class Stamp:
        name, digest = "script", "0"

    with drawing(Stamp(), SINGLE, 2.0) as (figure, [[axes]]):
        axes.set_xticks([0, 1], [SCRIPT, "plain"])
        with caplog.at_level(logging.WARNING):
            save(figure, tmp_path, "script")
        assert [label.get_fontfamily() for label in axes.get_xticklabels()] == [[FAMILY, *families], [FAMILY]]
    assert not caplog.records
    pdf = (tmp_path / "script.pdf").read_bytes()
    assert all(family.replace(" ", "").encode() in pdf for family in families)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_label_that_no_font_holds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("gap.figures.fonts._others", lambda: ())
    fonts_for.cache_clear()
    label = "語 x 料"

    class Stamp:
        name, digest = "boxes", "0"

    with drawing(Stamp(), SINGLE, 2.0) as (figure, [[axes]]), caplog.at_level(logging.WARNING):
        axes.set_title(label)
        save(figure, tmp_path, "boxes")
    fonts_for.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [f"figure boxes: {boxes([label])[0]}"]
    assert boxes([label, "plain"])[0].startswith("the label '語 x 料' has letters that no font here holds (料 語)")
    assert len(boxes([label, "plain"])) == 1


def test_labels_in_latex() -> None:
    table = Table("t", "", "$5", (Column("a", "[A]", "text"), Column("b", "B", "text", "x_1")), (("[5$ |x|", "*"),))
    text = to_latex(table)
    assert r"\caption{\$5}" in text and r"{x\_1}" in text
    assert "{[}A] & B \\\\" in text
    assert "{[}5\\$ \\textbar{}x\\textbar{} & {*} \\\\" in text


def test_the_unmodified_score_stands_below_the_zero_line_and_all_curves(
    plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[tuple[float, float]]] = {}

    def keep(figure: Any, folder: Path, name: str, points: Any) -> None:
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        for number, axes in enumerate(figure.axes):
            (text,) = [text for text in axes.texts if text.get_text().startswith("unmodified")]
            top = axes.transData.inverted().transform(text.get_window_extent(renderer))[1, 1]
            values = [y for line in axes.lines for y in line.get_ydata()]
            values += [y for band in axes.collections for path in band.get_paths() for _, y in path.vertices]
            seen[f"{name}-{number}"] = [(top, min(values))]

    monkeypatch.setattr(score_by_step, "save", keep)
    score_by_step.draw(load(plan), tmp_path, "steps")
    assert len(seen) == 4
    assert all(top < lowest <= 0 for pairs in seen.values() for top, lowest in pairs)
