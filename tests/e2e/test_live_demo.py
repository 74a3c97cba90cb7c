"""`make demo LIVE=1` as a program: a model and a WordPress on loopback, what it says before it spends, and what it says when they fail."""

import os
import re
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import pytest

from chalicelib.ai.prompts import built_in, rendered
from infra.local import live
from infra.local.session import Trouble
from tests.adapters.fake_wordpress import FakeWordPress
from tests.adapters.scripted_server import Asked, LoopbackServer, Reply
from tests.e2e.openai_writer import KEY, Call, OpenAIWriter, facts_of, no_quota, slow_down

ROOT = Path(__file__).resolve().parents[2]
OURS = ("OPENAI_", "WP_", "LIVE", "CSV", "PORT", "ARTICLES")


def _demo(data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    environment |= {"LOCAL_DATA": str(data / "local"), "DEMO_SITE": str(data / "site"), "COLUMNS": "400", "LIVE": "1", **settings}
    return subprocess.run(
        [sys.executable, "-m", "infra.local.demo"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )


class _Moods:
    """A server on a bad day: every third request is refused at first, and the first answer of each function arrives cut off."""

    def __init__(self) -> None:
        self.asked, self.cut = 0, set[str]()

    def before(self, asked: Asked) -> Reply | None:
        self.asked += 1
        return slow_down() if self.asked % 3 == 1 else None

    def spoil(self, call: Call, text: str) -> str:
        if call.function in self.cut:
            return text
        self.cut.add(call.function)
        return text[: len(text) // 2]


@pytest.mark.timeout(240)
def test_a_model_writes_and_wordpress_gets_the_drafts(tmp_path: Path) -> None:
    moods, wordpress = _Moods(), FakeWordPress()
    writer = OpenAIWriter(before=moods.before, spoil=moods.spoil)
    with LoopbackServer(writer) as model, LoopbackServer(wordpress) as site:
        wordpress.url = site.url
        user = {"WP_URL": site.url, "WP_USER": wordpress.user, "WP_APP_PASSWORD": wordpress.password}
        ran = _demo(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{model.url}/v1", ARTICLES="2", **user)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert KEY not in ran.stdout + ran.stderr and wordpress.password not in ran.stdout + ran.stderr

    calls = {name: [c for c in writer.calls if c.function == name] for name in ("auto_cluster", "generate_ideas", "generate_content")}
    assert [len([c for c in found if not c.repair]) for found in calls.values()] == [1, 2, 2]
    assert all(len([c for c in found if c.repair]) == 1 for found in calls.values())

    posts = list(wordpress.posts.values())
    assert len(posts) == 2 and all(post["status"] == "draft" for post in posts)
    for post in posts:
        assert post["featured_media"] in wordpress.media and post["categories"] != [1] and post["tags"]
        assert f'src="{wordpress.url}/uploads/' in post["content"]["raw"] and post["content"]["raw"].startswith("<p><!-- igny8:content=")
        assert post["link"] in ran.stdout
    assert all(picture["alt_text"] for picture in wordpress.media.values())

    said = re.search(r"at most 2 articles by gpt-6-luna, about \$(\d+\.\d+) .*about ([\d,]+) tokens in and ([\d,]+) out", ran.stdout)
    assert said and float(said[1]) > 0, ran.stdout
    assert ran.stdout.index("at list price") < ran.stdout.index("What became of the keywords")
    once = [c for c in writer.calls if not c.repair]
    for text, counted in ((said[2], sum(c.tokens_in for c in once)), (said[3], sum(c.tokens_out for c in once))):
        assert counted <= int(text.replace(",", "")) <= 3 * counted, (text, counted)


@pytest.mark.timeout(120)
def test_what_the_model_refuses_is_said_and_costs_nothing(tmp_path: Path) -> None:
    with LoopbackServer(OpenAIWriter(before=lambda asked: no_quota())) as model:
        ran = _demo(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{model.url}/v1")
        assert len(model.asked) == 1
    assert ran.returncode == 1 and "no quota left" in ran.stdout and "0 credits charged" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr and KEY not in ran.stdout + ran.stderr


@pytest.mark.timeout(120)
def test_a_wrong_password_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    with LoopbackServer(FakeWordPress()) as site:
        ran = _demo(tmp_path, WP_URL=site.url, WP_USER="admin", WP_APP_PASSWORD="wrong wrong")
    assert ran.returncode == 1 and "does not accept the user name and application password" in ran.stdout
    assert "keywords," not in ran.stdout and "Traceback" not in ran.stdout + ran.stderr and "wrong wrong" not in ran.stdout


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LIVE": "yes"}, "LIVE=yes is neither 1"),
        ({}, "needs OPENAI_API_KEY"),
        ({"WP_URL": "https://example.org"}, "WP_USER and WP_APP_PASSWORD must be set too"),
        ({"OPENAI_API_KEY": KEY, "WP_USER": "me"}, "WP_URL and WP_APP_PASSWORD must be set too"),
        ({"WP_URL": "example.org", "WP_USER": "me", "WP_APP_PASSWORD": "x"}, "such as https://example.org"),
        ({"WP_URL": "http://example.org", "WP_USER": "me", "WP_APP_PASSWORD": "x"}, "must begin with https://"),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://10.0.0.9/v1"}, "must begin with https://"),
        ({"OPENAI_API_KEY": KEY, "ARTICLES": "many"}, "not a number from 1"),
    ],
)
def test_settings_that_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str) -> None:
    for name in [n for n in os.environ if n.startswith(OURS)]:
        monkeypatch.delenv(name)
    for name, value in {"LIVE": "1", **settings}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Trouble, match=re.escape(said)):
        live.wanted()


def test_without_live_nothing_of_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LIVE": "0", "OPENAI_API_KEY": KEY, "WP_URL": "https://example.org", "ARTICLES": "none"}.items():
        monkeypatch.setenv(name, value)
    wanted = live.wanted()
    assert not wanted.wordpress and not wanted.model and wanted.articles is None
    assert wanted.settings == {"AI_PROVIDER": "offline", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}


@pytest.mark.parametrize(("amount", "shown"), [(0.0001, "less than $0.001"), (0.0123, "$0.012"), (1.5, "$1.50"), (1234.0, "$1,234.00")])
def test_dollars(amount: float, shown: str) -> None:
    assert live.dollars(amount) == shown


SITE = {"name": "Café & Co", "domain": "cafe.example"}
CLUSTER = {"name": "Coffee Storage", "description": "How beans: and ground coffee are kept."}
FACTS: dict[str, dict[str, Any]] = {
    "auto_cluster": {
        "language": "en",
        "market": "United Kingdom",
        "clusters": [
            {"key": "c1", "keywords": [{"keyword": "café à la crème", "volume": 0, "intent": None}]},
            {"key": "c2", "keywords": [{"keyword": w, "volume": v, "intent": "commercial"} for w, v in (("beans", None), ("tins", 90))]},
        ],
        "taken_names": ["Old Name"],
    },
    "generate_ideas": {
        "cluster": CLUSTER,
        "keywords": [{"keyword": "how to store beans?", "volume": 90, "difficulty": None, "intent": "informational"}],
        "count": 1,
        "taken_titles": [],
        "language": "en",
        "market": "international",
        "tone": "dry, exact",
        "audience": "home baristas",
        "site": SITE,
        "strategy": {"name": "Plain", "description": "Short articles."},
    },
    "generate_content": {
        "title": "How to Store Beans",
        "description": "What keeps them fresh.",
        "content_type": "post",
        "content_structure": "guide",
        "primary_keyword": "how to store beans?",
        "keywords": ["how to store beans?", "bean tins"],
        "outline": [{"heading": "Tins; or bags: which?", "points": ["Air", "Light; warmth"]}, {"heading": "FAQ", "points": ["Age"]}],
        "brief": "",
        "cta": "Taste it; then decide.",
        "word_count": 900,
        "audience": "home baristas",
        "tone": "dry, exact",
        "language": "en",
        "market": "international",
        "cluster": CLUSTER,
        "cluster_keywords": [{"keyword": "bean tins", "intent": None}],
        "site": SITE,
        "strategy": {"name": "Plain", "instructions": "Begin with the answer."},
        "author": {"name": "Ada", "description": "Roasts."},
        "present_text": "",
        "instructions": "Shorter, please.",
        "links": [{"title": "Tins", "url": "https://cafe.example/tins/?a=1"}],
    },
    "generate_image_prompts": {
        "title": "How to Store Beans",
        "primary_keyword": "how to store beans?",
        "headings": ["Tins; or bags: which?", "FAQ"],
        "in_article_count": 1,
        "style": "pencil, no text",
        "language": "en",
    },
}


@pytest.mark.parametrize("function", FACTS)
def test_the_prompt_carries_every_fact(function: str) -> None:
    facts = FACTS[function]
    prompt = Template(built_in(function)).substitute({name: rendered(value) for name, value in facts.items()})
    assert facts_of(function, prompt) == facts
