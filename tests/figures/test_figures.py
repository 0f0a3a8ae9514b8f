"""Figures: files, sizes, fonts, reproducible bytes, captions with the numbers, and shapes of study other than the usual."""

from __future__ import annotations

import json
import math
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import build
from synthetic_plan import Shape

from gap.aggregate.stage import aggregate
from gap.core.errors import BadInput
from gap.core.files import read_json, write_json
from gap.core.tables import TABLES, write_table
from gap.figures import style
from gap.figures.data import load
from gap.figures.drawings import familiarity, figure1, gain_by_corpus, pretraining, score_by_step, task_heatmap, verdicts
from gap.figures.registry import FIGURES, LEAST_TEXTS, StudyShape, always, figure_names, table_names
from gap.figures.stage import captions, figures
from gap.figures.style import DOUBLE, SETTINGS, SINGLE, drawing, jitter

WIDTHS = {
    "figure1_dialogue": SINGLE, "figure1_classification": SINGLE, "pretraining": SINGLE,
    "verdicts": SINGLE, "score_by_step": DOUBLE, "gain_by_corpus": DOUBLE, "task_heatmap": DOUBLE, "familiarity": DOUBLE,
}  # fmt: skip

#: A verdict as verdicts.json has it.
VERDICT = {
    "verdict": "undecided", "estimate": 1.0, "low": -1.0, "high": 2.0, "bound": 0.0, "against": "another", "runs": 15, "items": 480,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _products_fonts(font_type: int) -> Iterator[None]:
    """Here alone figures are drawn with the product's own type of fonts."""
    quickest, SETTINGS["pdf.fonttype"] = SETTINGS["pdf.fonttype"], font_type
    yield
    SETTINGS["pdf.fonttype"] = quickest


@pytest.fixture(scope="module")
def drawn(plan: dict) -> Path:
    figures(plan)
    return Path(plan["light"]["figures"])


def png_size(path: Path) -> tuple[int, int]:
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_every_figure_in_both_formats_at_its_width(plan: dict, drawn: Path) -> None:
    files = {f"{name}.{ending}" for name in plan["figure_names"] for ending in ("pdf", "png", "csv")}
    assert {path.name for path in drawn.iterdir()} == files | {"captions.json"}
    for name, width in WIDTHS.items():
        assert png_size(drawn / f"{name}.png")[0] == round(width * 200)
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", (drawn / f"{name}.pdf").read_bytes())
        assert box and abs(float(box[1]) - width * 72) < 1


def test_what_is_written_beside_the_axes_lies_inside_the_figure(plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the labels of real models, which are long."""
    models = {name: entry | {"label": f"SmolLM2 {number}35M (4-bit)"} for number, (name, entry) in enumerate(plan["models"].items())}
    outside = []

    def look(figure: Any, folder: Path, name: str) -> None:
        style._lay_out(figure, name)
        canvas = figure.get_window_extent()
        for axes in figure.axes:
            ticks = [
                tick.label1
                for axis in (axes.xaxis, axes.yaxis)
                for tick in axis.get_major_ticks()
                if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
            ]
            for text in (axes.xaxis.label, axes.yaxis.label, *ticks):
                box = text.get_window_extent()
                if text.get_text() and text.get_visible() and not (canvas.x0 <= box.x0 and box.x1 <= canvas.x1 and canvas.y0 <= box.y0):
                    outside.append((name, text.get_text()))

    monkeypatch.setattr(style, "_write", look)
    claims = {claim: {"models": {name: {"all": VERDICT} for name in ("tiny", "big")}} for claim in ("gain", "larger", "corpora", "steps")}
    write_json(tmp_path / "verdicts.json", {"claims": claims})
    named = {"figures": "figures", "captions": "captions.json", "verdicts": "verdicts.json"}
    figures(plan | {"models": models, "light": plan["light"] | {key: str(tmp_path / name) for key, name in named.items()}})
    assert outside == []


def test_fonts_are_embedded_truetype_and_no_time_is_written(drawn: Path) -> None:
    for name in WIDTHS:
        pdf = (drawn / f"{name}.pdf").read_bytes()
        png = (drawn / f"{name}.png").read_bytes()
        assert b"/FontFile2" in pdf and b"/Type3" not in pdf
        assert b"CreationDate" not in pdf and b"Producer" not in pdf
        assert b"tEXt" not in png and b"tIME" not in png


def test_the_same_tables_give_the_same_bytes(plan: dict, drawn: Path, tmp_path: Path) -> None:
    data = load(plan)
    gain_by_corpus.draw(data, tmp_path, "gain_by_corpus")
    task_heatmap.draw(data, tmp_path, "task_heatmap")
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (drawn / path.name).read_bytes(), path.name


def test_captions_name_baselines_runs_and_the_choice(plan: dict, drawn: Path) -> None:
    written = json.loads((drawn / "captions.json").read_text())
    assert set(written) == set(plan["figure_names"]) >= set(WIDTHS)
    data = load(plan)
    for name in WIDTHS:
        entry = written[name]
        assert set(entry) == {"title", "caption", "category"}
        if name not in ("pretraining", "verdicts"):
            assert "15 runs per model (3 corpora, 5 texts each), at most 7 updates" in entry["caption"]
    for group in ("dialogue", "classification"):
        for model, label in {"tiny": "0.2M", "big": "0.5M", "huge": "1.2M"}.items():
            assert f"{label} {data.baselines[model, group] * 100:.2f}" in written[f"figure1_{group}"]["caption"]
        assert "so no run can lie below it" in written[f"figure1_{group}"]["caption"]


def test_the_plan_decides_which_figures_there_are(plan: dict) -> None:
    assert set(captions(load(plan | {"figure_names": ["score_by_step"]}))) == {"score_by_step"}
    assert plan["figure_names"][:8] == [
        "verdicts", "figure1_dialogue", "figure1_classification", "gain_by_corpus", "score_by_step", "task_heatmap", "familiarity", "pretraining",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="the unknown name 'score'"):
        captions(load(plan | {"figure_names": ["score"]}))


def test_the_shape_of_a_study_decides_what_it_has() -> None:
    several = StudyShape(("classification",), ("up", "down"), pretrained=False, texts=100)
    assert figure_names(several)[:7] == [
        "verdicts",
        "figure1_classification",
        "gain_by_corpus",
        "methods",
        "score_by_step",
        "task_heatmap",
        "familiarity",
    ]
    assert table_names(several)[:4] == ["main", "tasks", "methods", "familiarity"]
    assert table_names(StudyShape(("classification",), ("up",), pretrained=True, texts=100))[:3] == ["main", "tasks", "familiarity"]
    few = StudyShape(("classification",), ("up",), pretrained=True, texts=LEAST_TEXTS - 1)
    assert "familiarity" not in figure_names(few) + table_names(few)


def test_a_figure_that_not_every_study_has_says_what_it_needs() -> None:
    assert {figure.name for figure in FIGURES if figure.needs} == {figure.name for figure in FIGURES if figure.exists is not always}
    assert FIGURES["familiarity"].needs.startswith(f"{LEAST_TEXTS} texts of each corpus")


#: Difference and interval in points by subject -> what stands above the dots.
MESSAGES = {
    "up": ({"tiny": (1.5, 0.25, 2.75)}, "mean dialogue F1 at the last step is above the unmodified model's: +1.50 points (95 % interval +0.25 to +2.75)"),
    "down": ({"tiny": (-1.5, -2.0, -0.25)}, "mean dialogue F1 at the last step is below the unmodified model's: -1.50 points (95 % interval -2.00 to -0.25)"),
    "null": ({"tiny": (0.5, -1.0, 2.0)}, "mean dialogue F1 at the last step is not told apart from the unmodified model's: +0.50 points (95 % interval -1.00 to +2.00)"),
    "one run": ({"tiny": (0.5, math.nan, math.nan)}, "mean dialogue F1 at the last step is not compared with the unmodified model's: +0.50 points, no interval"),
    "two models": (
        {"tiny": (1.5, 0.25, 2.75), "big": (0.0, -1.0, 1.0)},
        "mean dialogue F1 at the last step: 0.2M above the unmodified: +1.50 points (95 % interval +0.25 to +2.75); "
        "0.5M not told apart from the unmodified: 0.00 points (95 % interval -1.00 to +1.00)",
    ),
    "nothing estimated": ({}, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_the_first_figures_title_is_what_the_study_found(name: str, plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sign, a null result and a single run included."""
    found, expected = MESSAGES[name]
    texts = {
        "method": next(entry["name"] for entry in plan["methods"]),
        "policy": "last",
        "task": "dialogue",
        "corpus": "all",
        "interval": "t, fewer than 10 runs",
    }
    zeros = {column: 0 for column, (kind, _) in TABLES["effects"].items() if kind != "dictionary"}
    rows = [zeros | texts | {"model": model, "difference": mean, "low": low, "high": high} for model, (mean, low, high) in found.items()]
    others = [row | {"policy": "best", "difference": 9.0} for row in rows]
    path = tmp_path / "effects.parquet"
    if rows:
        write_table(pd.DataFrame(others + rows), path, "effects")
    data = load(plan | {"light": plan["light"] | {"effects": str(path)}, "figure_names": ["figure1_dialogue"]})
    title = "Dialogue F1 of every run (the paper's Figure 1)"
    shown = captions(data)["figure1_dialogue"]["title"].replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    assert shown == ": ".join(filter(None, (title, expected)))

    seen: dict[str, Any] = {}
    monkeypatch.setattr(figure1, "save", lambda figure, folder, name, frame: seen.update(figure=figure, frame=frame))
    figure1.draw(data, tmp_path, "figure1_dialogue", "dialogue")
    above = seen["figure"].legends[0].get_title()
    words = " ".join(above.get_text().split()).replace("\N{MINUS SIGN}", "-") if above.get_visible() else ""
    assert words.lower() == expected.lower()
    diamonds = [line.get_ydata()[0] for line in seen["figure"].axes[0].lines if line.get_marker() == "D"]
    assert diamonds == pytest.approx([data.baselines[model, "dialogue"] * 100 + mean for model, (mean, *_) in found.items()])
    assert (seen["frame"]["kind"] == "mean").sum() == len(found)


def test_names_are_read_without_drawing_libraries() -> None:
    code = "import sys; from gap.figures.registry import StudyShape, figure_names as f, table_names as t; s = StudyShape(('dialogue',), ('up',), True, 100)"
    code += "; f(s), t(s); sys.exit(bool({'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_provenance_stands_at_the_foot(plan: dict) -> None:
    with drawing(load(plan).study, SINGLE, 2.0) as (figure, _):
        assert [text.get_text() for text in figure.texts] == [f"study synthetic, plan {plan['digest']}"]


def test_dots_show_the_best_steps(plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = load(plan), {}
    monkeypatch.setattr(figure1, "save", lambda figure, *_: seen.update(axes=figure.axes[0]))
    figure1.draw(data, tmp_path, "figure1_classification", "classification")
    values = [y for part in seen["axes"].collections for _, y in part.get_offsets()]
    assert sorted(values) == pytest.approx(sorted(data.selections.query("group == 'classification' and policy == 'best'")["value"] * 100))
    levels = {
        round(float(line.get_ydata()[0]), 4) for line in seen["axes"].lines if line.get_color() != "black" or line.get_linestyle() == "--"
    }
    assert levels == {round(data.baselines[model, "classification"] * 100, 4) for model in ("tiny", "big", "huge")}


def test_familiarity_shows_the_first_methods_correlations_at_the_last_step(
    plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.read_csv(plan["light"]["familiarity"])
    other = table.assign(method="other", rho=0.123, within_rho=0.123)
    pd.concat([other, table]).to_csv(tmp_path / "familiarity.csv", index=False)
    data, seen = load(plan | {"light": plan["light"] | {"familiarity": str(tmp_path / "familiarity.csv")}}), {}
    monkeypatch.setattr(familiarity, "save", lambda figure, *_: seen.update(axes=figure.axes))
    familiarity.draw(data, tmp_path, "familiarity")
    assert [axes.get_title() for axes in seen["axes"]] == [
        "0.2M, dialogue", "0.5M, dialogue", "0.2M, classification", "0.5M, classification",
    ]  # fmt: skip
    drawn = sorted(line.get_xdata()[0] for line in seen["axes"][1].lines if line.get_marker() not in ("", "None"))
    rows = table.query("model == 'big' and group == 'dialogue' and policy == 'last'")
    single, together = rows.query("corpus != 'all'")["rho"], rows.query("corpus == 'all'")["within_rho"]
    assert drawn == pytest.approx(sorted([*single.dropna(), *together.dropna()]), abs=1e-12)
    filled = [line.get_markerfacecolor() for line in seen["axes"][1].lines if line.get_marker() == familiarity.TOGETHER]
    assert sum(face != "white" for face in filled) == (rows.query("corpus == 'all'")["within_p_holm"] < 0.05).sum()


def test_familiarity_counts_the_runs_behind_its_marks(plan: dict, tmp_path: Path) -> None:
    """Corpora without a correlation are left out of that within corpora; a feature without a mark has no runs behind one."""
    table = pd.read_csv(plan["light"]["familiarity"])
    assert (table["runs"][table["corpus"] != "all"] == 5).all() and table["rho"][table["feature"] == "tokens"].isna().all()
    table.loc[table["corpus"] == "all", "within_runs"] = 10
    table.loc[table["feature"] == "tokens", "runs"] = 2
    table.to_csv(tmp_path / "familiarity.csv", index=False)
    data = load(plan | {"light": plan["light"] | {"familiarity": str(tmp_path / "familiarity.csv")}})
    assert dict(familiarity.points(data).groupby("corpus")["runs"].unique().map(list)) == {
        "all": [10],
        "seen": [5],
        "prose": [5],
        "code": [5],
    }
    assert "the fewest runs behind a coloured mark are 5," in familiarity.caption(data)


def test_the_corpus_that_the_rules_name_stands_beside_its_claim(plan: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims, seen = {"corpora": {"models": {"tiny": {"all": VERDICT}}}}, {}
    monkeypatch.setattr(verdicts, "save", lambda figure, *_: seen.update(axes=figure.axes[0]))
    for corpus, words in (("", "3 last corpus minus another"), ("prose", "3 unseen prose minus another")):
        write_json(tmp_path / "verdicts.json", {"claims": claims, "rules": {"corpora": {"corpus": corpus}}})
        verdicts.draw(load(plan | {"light": plan["light"] | {"verdicts": str(tmp_path / "verdicts.json")}}), tmp_path, "verdicts")
        assert [label.get_text() for label in seen["axes"].get_yticklabels()] == [f"{words}\n0.2M"]


SHAPES = {
    "one group, one corpus, one run": Shape(
        subjects={"a": "A"}, reference={}, corpora=("x",), texts=1, updates=2, items=6, tasks=("piqa", "copa")
    ),
    "four models, three corpora": Shape(
        subjects={name: name for name in "abcd"}, reference={"e": "e", "f": "f"}, texts=1, updates=2, items=6,
        tasks=("piqa", "wizard_of_internet"), splits=("validation", "test"),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", SHAPES)
def test_other_shapes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_json(build(tmp_path, SHAPES[name]))
    aggregate(plan)
    data = load(plan)
    for module in (figure1, score_by_step, gain_by_corpus, task_heatmap, familiarity):
        monkeypatch.setattr(module, "save", lambda figure, folder, name, _: figure.savefig(folder / f"{name}.png", dpi=60))
    figure1.draw(data, tmp_path, "dots", data.study.groups[0])
    assert ("reference" in figure1.caption(data, data.study.groups[0])) == bool(data.study.references)
    for module in (score_by_step, gain_by_corpus, task_heatmap, familiarity):
        module.draw(data, tmp_path, module.__name__)
    assert len(list(tmp_path.glob("*.png"))) == 5


def test_no_curve(plan: dict, tmp_path: Path) -> None:
    empty = tmp_path / "pretraining.csv"
    empty.write_text("model\n")
    data = load(plan | {"light": plan["light"] | {"plot_pretraining": str(empty)}})
    assert "pretraining" not in figure_names(StudyShape(("dialogue",), ("up",), pretrained=False, texts=100))
    with pytest.raises(BadInput, match="no column 'tokens'"):
        pretraining.draw(data, tmp_path, "pretraining")


def test_a_missing_table_is_named(plan: dict, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.csv: no such file"):
        load(plan | {"light": plan["light"] | {"estimates": str(tmp_path / "none.csv")}})


def test_any_light_table_can_be_drawn(plan: dict) -> None:
    losses = load(plan).table("trajectories", ["step", "loss"])
    assert list(losses.columns) == ["step", "loss"] and losses.loc[losses["step"] == 0, "loss"].isna().all() and len(losses) > 1


def test_jitter_is_centred_and_distinct() -> None:
    offsets = jitter(100, 0.5)
    assert offsets[0] == 0
    assert len(set(offsets)) == 100
    assert all(-0.25 <= offset < 0.25 for offset in offsets)
