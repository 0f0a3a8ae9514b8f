"""The page: self-contained, holds the numbers, escapes what it is given, works with little at hand."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gap.core.errors import BadInput
from gap.core.files import write_json
from gap.estimate.stage import estimate
from gap.figures.data import load
from gap.figures.stage import captions
from gap.report import provenance
from gap.report.limits import limits
from gap.report.noise import noise_floors
from gap.report.stage import report
from gap.report.summary import points, summary
from gap.report.verdicts import verdict_rows

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def ready(plan: dict) -> dict:
    """The study with captions and one-pixel figures."""
    data = load(plan)
    estimate(plan)
    write_json(Path(plan["light"]["captions"]), captions(data))
    for name in plan["figure_names"]:
        (Path(plan["light"]["figures"]) / f"{name}.png").write_bytes(PIXEL)
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
    assert all(place == "" or place.startswith(("data:image/png;base64,", "#")) for place in places)
    assert "url(" not in text and "@import" not in text and "http" not in re.sub(r'"data:[^"]*"', "", text)


def test_every_figure_with_its_caption_and_every_link_leads_somewhere(ready: dict, text: str) -> None:
    tags = parsed(text).seen
    names = json.loads(Path(ready["light"]["captions"]).read_text())
    shown = [attributes["id"] for tag, attributes in tags if tag == "figure"]
    assert shown[0] == "figure1_dialogue"
    assert set(shown) == set(names)
    assert all(attributes["alt"] for tag, attributes in tags if tag == "img")
    known = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert {attributes["href"][1:] for tag, attributes in tags if tag == "a"} <= known


def test_numbers_parameters_and_provenance_are_there(ready: dict, text: str) -> None:
    data = load(ready)
    assert f"{data.baselines['huge', 'classification'] * 100:.2f}" in text
    for part in (ready["digest"], "learning_rate: 5.0e-05", "1 of 30 runs diverged", "matplotlib", "600,000", "4 of 30 items are shorter"):
        assert part in text
    assert "<td>30</td><td>2</td><td>150</td><td>2</td>" in text  # items and continuations with other tokens at the boundary
    assert "<td>16</td><td>0</td><td>1</td><td>0</td><td>1</td><td>2</td><td>2.0e-06</td>" in text  # the noise floor
    assert "precision 3.12 (at most 3.12), kernel 0.00" in text and "not scored with math attention: none here." in text


def test_the_summary_warns_and_gives_the_last_step(ready: dict) -> None:
    data = load(ready)
    found = dict(summary(data))
    assert list(found) == ["Dialogue F1", "Classification accuracy"]
    row = data.estimate("big", "dialogue", "last")
    sentences = " ".join(found["Dialogue F1"])
    assert "cannot be negative" in sentences and "biased upwards" in sentences
    assert f"{points(row['mean_gain'])} for 0.5M" in sentences
    above = int((data.chosen("big", "dialogue", "last")["gain"] > 0).sum())
    assert f"{above} of 15 runs above" in sentences
    assert "1.2M unmodified" in sentences


def test_an_interval_around_zero_is_not_called_a_gain(ready: dict) -> None:
    data = load(ready)
    for cell, row in data.estimates.items():
        if cell[-1] == "last":
            row.update(low=-0.01, high=0.02)
    assert "95\N{NO-BREAK SPACE}% interval \N{MINUS SIGN}1.00 to +2.00, not told apart from zero" in " ".join(
        dict(summary(data))["Dialogue F1"]
    )


def test_limits_follow_the_study(ready: dict) -> None:
    data = load(ready)
    found = " ".join(limits(data, provenance.read_optional(Path(ready["light"]["overlap"]))))
    assert "miniature" in found and "trained here" in found and "texts per corpus 5 (paper 100)" in found
    assert "1 text shares a run of 13 words" in found
    assert "standard error of up to 10.2 points" in found
    study = ready["study"]
    like_paper = study | {
        "methods": {"up": {"gap": study["gap"] | {"texts": 100, "updates": 15, "precision": "fp16"}}},
        "evaluate": study["evaluate"] | {"items": 320, "precision": "fp16"},
        "items": {"kind": "hub", "path": None},
        "models": {name: {"kind": "hub"} for name in study["models"]},
    }
    paper = load(ready | {"study": like_paper})
    assert not [line for line in limits(paper, {}) if "Different" in line or "miniature" in line or "trained here" in line]


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
    with pytest.raises(BadInput, match=r"figure1_dialogue\.png: no such file"):
        report(ready | {"light": ready["light"] | {"figures": str(tmp_path)}})


def test_a_study_with_both_controls_does_not_miss_them(ready: dict) -> None:
    from gap.report.limits import NO_CONTROL

    gap, other = ready["study"]["gap"], {"label": "", "transforms": [], "combine": None}
    controls = {kind: other | {"gap": gap | {"direction": {"kind": kind}}} for kind in ("descent", "random")}
    for names, missed in ((("descent",), True), (("random",), True), (("descent", "random"), False)):
        methods = ready["study"]["methods"] | {name: controls[name] for name in names}
        assert (NO_CONTROL in limits(load(ready | {"study": ready["study"] | {"methods": methods}}), {})) == missed


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
    section = text.split('<section id="verdicts">', 1)[1].split("</section>", 1)[0]
    assert section.count("<tr><td") == sum(len(readings) for claim in found["claims"].values() for readings in claim["models"].values())
    row = found["claims"]["gain"]["models"]["tiny"]["all"]
    assert f"{row['estimate']:+.2f}".lstrip("+-") in section and row["verdict"] in section and row["reason"] in section
    assert verdict_rows({}, {}) == []
