"""The documentation as a site, and the references that are made from the code."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def built(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(root / "mkdocs.yml"),
        "--site-dir",
        str(out),
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = built(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


def test_pages_and_what_they_link_to_are_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / page.with_suffix(".html").name).exists(), page.name
    assert "figures/demo/figure1_dialogue.png" in (site / "index.html").read_text()
    assert (site / "figures/demo/figure1_dialogue.png").read_bytes() == (ROOT / "figures/demo/figure1_dialogue.png").read_bytes()
    assert (site / "src/gap/posttrain/step.py").read_bytes() == (ROOT / "src/gap/posttrain/step.py").read_bytes()
    assert 'href="method.html"' in (site / "index.html").read_text()


def test_the_site_asks_no_other_host(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert not [word for word in text.split() if word.startswith(("src=", "srcset=")) and "://" in word]
    assert "fonts.g" not in text


def test_a_link_to_nothing_stops_it(tmp_path: Path) -> None:
    (tmp_path / "workflow/scripts").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "workflow/scripts/site.py").write_text((ROOT / "workflow/scripts/site.py").read_text())
    config = (ROOT / "mkdocs.yml").read_text()
    (tmp_path / "mkdocs.yml").write_text(config[: config.index("nav:")])
    (tmp_path / "docs/page.md").write_text("[here](../README.md)\n")
    assert built(tmp_path, tmp_path / "out").returncode == 0
    (tmp_path / "docs/page.md").write_text("[nowhere](../nothing.md)\n")
    done = built(tmp_path, tmp_path / "out")
    assert done.returncode == 1 and "nothing.md" in done.stderr


def test_parameters_and_commands_are_those_of_the_code() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "workflow/scripts/reference.py"), "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
