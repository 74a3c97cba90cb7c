"""`make demo` as a program: exit code, site, links, articles, and useful words when something is wrong."""

import os
import re
import socket
import subprocess
import sys
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _demo(data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "WP_", "LIVE", "CSV", "PORT", "ARTICLES"))}
    environment |= {"LOCAL_DATA": str(data / "local"), "DEMO_SITE": str(data / "site"), "COLUMNS": "200", **settings}
    return subprocess.run(
        [sys.executable, "-m", "infra.local.demo"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self.inside, self.pictures = 0, 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [v for k, v in given.items() if k in ("href", "src") and v]
        self.pictures += tag == "img"
        self.inside += tag == "article"

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "article"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.words += re.findall(r"[a-z0-9']+", data.lower())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("demo")
    return _demo(folder), folder / "site"


@pytest.mark.timeout(240)
def test_demo_makes_a_site_without_a_broken_link(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    ran, site = demo
    assert ran.returncode == 0, ran.stdout + ran.stderr
    pages = sorted(site.glob("**/*.html"))
    assert len(pages) > 25
    for page in pages:
        for link in _Page(page.read_text(encoding="utf-8")).links:
            if link.startswith(("https://", "http://", "#", "mailto:")):
                continue
            assert (page.parent / link.split("#")[0]).resolve().exists(), f"{page}: {link}"
    articles = [p for p in pages if p != site / "index.html"]
    assert all(_Page(p.read_text(encoding="utf-8")).pictures >= 2 for p in articles)
    assert all("offline draft" in p.read_text(encoding="utf-8").lower() for p in articles)


def test_no_two_articles_are_alike(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, site = demo
    shingles = {}
    for page in site.glob("*/index.html"):
        words = _Page(page.read_text(encoding="utf-8")).words
        shingles[page.parent.name] = {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
    assert len(shingles) > 25
    assert min(len(s) for s in shingles.values()) > 400
    worst = max((len(a & b) / min(len(a), len(b)), x, y) for (x, a), (y, b) in combinations(shingles.items(), 2))
    assert worst[0] < 0.3, worst


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("no_keyword.csv", b"volume,difficulty\n10,20\n", "no_keyword.csv"),
        ("empty.csv", b"", "empty.csv"),
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "photo.csv"),
    ],
)
@pytest.mark.timeout(120)
def test_a_bad_file_is_named_and_nothing_is_stored(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    ran = _demo(tmp_path, CSV=str(tmp_path / name))
    assert ran.returncode == 1
    assert said in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
    assert not (tmp_path / "site").exists()


@pytest.mark.timeout(60)
def test_useful_words(tmp_path: Path) -> None:
    assert "There is no file" in _demo(tmp_path, CSV="nowhere.csv").stdout
    assert "LIVE=1 needs OPENAI_API_KEY" in _demo(tmp_path, LIVE="1").stdout
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = _demo(tmp_path, PORT=str(taken.getsockname()[1]))
    assert ran.returncode == 1
    assert "is taken" in ran.stdout
