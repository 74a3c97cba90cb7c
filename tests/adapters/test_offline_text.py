"""The offline writer's answers are valid for any niche and any keyword, about the length asked, the same each time, and no two alike."""

import html
import json
import re
from itertools import combinations
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.adapters.offline_writer.grammar import read, title_case
from chalicelib.adapters.offline_writer.phrases import INNERMOST, SLOT, banks
from chalicelib.ai.answers import ClusterNames, Ideas, ImagePrompts, problems
from chalicelib.ai.article_answers import ArticleDraft
from chalicelib.ai.prose import visible_text, word_count
from chalicelib.core.errors import UpstreamRejected
from chalicelib.ports import TextModel, TextRequest
from chalicelib.writer.checks import check_article

NICHES = {
    "coffee": [
        "best burr coffee grinder|how to clean a coffee grinder|conical vs flat burr|"
        "baratza encore review|quiet coffee grinder|coffee grind size chart",
        "how long does cold brew last in the fridge|cold brew coffee ratio|"
        "cold brew vs iced coffee|best cold brew maker|nitro cold brew at home",
        "is coffee bad for you|coffee and blood pressure|caffeine half life|"
        "coffee while pregnant|how much caffeine is too much|coffee jitters how to stop",
        "how to store coffee beans|can you freeze coffee beans|"
        "airtight coffee canister|does ground coffee go bad|keep coffee fresh after opening",
    ],
    "pet insurance": [
        "how much is pet insurance for a dog|cheap pet insurance|why is pet insurance so expensive|pet insurance cost for cats",
        "what does pet insurance cover|does pet insurance cover dental cleaning|"
        "pet insurance exclusions|is spaying covered by pet insurance",
        "how to file a pet insurance claim|pet insurance claim denied|pet insurance deductible explained|trupanion vs petplan",
    ],
    "dental clinic": [
        "teeth whitening cost|best teeth whitening kit|how to whiten teeth at home|is teeth whitening safe|laser teeth whitening vs strips",
        "dentist near me|emergency dentist near me|how to choose a dentist|pediatric dentist|dentist open saturday",
        "why are my gums bleeding|receding gums treatment|what is a deep cleaning|gingivitis vs periodontitis",
    ],
    "crm": [
        "best crm for small business|hubspot vs salesforce|what is a crm|free crm|pipedrive review",
        "crm data migration checklist|import contacts to crm|how to clean crm data|crm duplicate contacts",
        "how much does a crm cost|salesforce pricing|crm pricing|hidden costs of crm",
    ],
}
INTENTS = ("informational", "commercial", "transactional")
ODD = [
    "☕",
    "☕ best espresso ☕",
    "\"quoted\" keyword 'single'",
    "<script>alert(1)</script>",
    "a & b < c",
    "{{template}} $name {a|b}",
    "x",
    "how to",
    "vs",
    "best",
    "что такое кофе",
    "コーヒーの淹れ方",
    "كيف تصنع القهوة",
    "1",
    "???",
    "what is",
    "near me",
    "cost",
    "review reviews",
    "how to " + "very " * 60 + "long",
    "a" * 300,
    "is",
    "coffee how to stop",
    "C++ vs C# or F#",
    "50% off",
    "node.js 22.1 hosting",
    "O'Reilly's book",
]


def ask(function: str, schema: type[BaseModel], facts: dict[str, Any]) -> Any:
    reply = OfflineTextModel().complete(TextRequest(function, "", "", schema, facts))
    assert (reply.provider, reply.model, reply.cost_usd, reply.tokens_in) == ("offline", "offline-1", 0.0, None)
    answer = schema.model_validate_json(reply.text)
    assert problems(answer, facts, check_language=False) == []
    return answer


def idea_facts(
    keywords: list[str], count: int, name: str = "Coffee", taken: list[str] | None = None, language: str = "en"
) -> dict[str, Any]:
    rows = [{"keyword": k, "volume": 10 * len(k), "difficulty": 20, "intent": INTENTS[len(k) % 3]} for k in keywords]
    return {
        "cluster": {"name": name, "description": "About it."},
        "keywords": rows,
        "count": count,
        "taken_titles": taken or [],
        "language": language,
        "market": "US",
        "tone": "friendly",
        "audience": "home users",
        "site": {"name": "Demo Site"},
    }


def article_facts(idea: Any, about: dict[str, Any], **changed: Any) -> dict[str, Any]:
    told = idea.model_dump()
    facts = {
        k: told[k] for k in ("title", "description", "content_type", "content_structure", "primary_keyword", "keywords", "outline", "brief")
    }
    cluster = [{"keyword": k["keyword"], "intent": k["intent"]} for k in about["keywords"]]
    return {
        **facts,
        "word_count": told["estimated_word_count"],
        "audience": told["audience"],
        "tone": told["tone"],
        "language": about["language"],
        "market": "US",
        "cluster": about["cluster"],
        "cluster_keywords": cluster,
        "site": {"name": "Demo Site", "domain": "demo.shop"},
        "author": None,
        "links": [],
        **changed,
    }


def written(keywords: list[str], count: int, **changed: Any) -> list[tuple[dict[str, Any], ArticleDraft]]:
    about = idea_facts(keywords, count)
    every = [article_facts(i, about, **changed) for i in ask("generate_ideas", Ideas, about).ideas]
    return [(facts, ask("generate_content", ArticleDraft, facts)) for facts in every]


def shingles(body: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w']+", visible_text(body).lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


@pytest.fixture(scope="module")
def library() -> dict[str, list[tuple[dict[str, Any], ArticleDraft]]]:
    """Every article of every niche; of coffee one for each keyword."""
    made: dict[str, list[tuple[dict[str, Any], ArticleDraft]]] = {}
    for niche, groups in NICHES.items():
        taken: list[str] = []
        clusters = [
            {"key": f"c{i}", "keywords": [{"keyword": k, "volume": 5, "intent": "commercial"} for k in g.split("|")]}
            for i, g in enumerate(groups)
        ]
        names = ask(
            "auto_cluster", ClusterNames, {"language": "en", "market": "US", "clusters": clusters, "taken_names": ["Coffee"]}
        ).clusters
        assert all(len(n.name.split()) <= 4 for n in names)
        for name, group in zip(names, groups, strict=True):
            keywords = group.split("|")
            about = idea_facts(keywords, len(keywords) if niche == "coffee" else 2, name.name, taken)
            for idea in ask("generate_ideas", Ideas, about).ideas:
                taken.append(idea.title)
                facts = article_facts(idea, about)
                made.setdefault(niche, []).append((facts, ask("generate_content", ArticleDraft, facts)))
    return made


def test_it_is_a_text_model_and_refuses_what_it_does_not_know() -> None:
    assert isinstance(OfflineTextModel(), TextModel)
    with pytest.raises(UpstreamRejected):
        OfflineTextModel().complete(TextRequest("translate", "", "", ArticleDraft))


def test_articles_pass_the_content_check(library: dict[str, list[tuple[dict[str, Any], ArticleDraft]]]) -> None:
    for facts, draft in (one for made in library.values() for one in made):
        check = check_article(
            draft.html,
            title=draft.title,
            primary_keyword=draft.primary_keyword,
            keywords=facts["keywords"],
            word_count=facts["word_count"],
            meta_title=draft.meta_title,
            meta_description=draft.meta_description,
        )
        assert not check.blockers and check.score >= 85, (draft.title, check.findings)


def test_no_two_articles_are_alike(library: dict[str, list[tuple[dict[str, Any], ArticleDraft]]]) -> None:
    for made in library.values():
        sets = [(draft.title, shingles(draft.html)) for _, draft in made]
        for (one, a), (other, b) in combinations(sets, 2):
            assert len(a & b) / min(len(a), len(b)) < 0.2, (one, other)


def test_article_has_what_the_brief_promises(library: dict[str, list[tuple[dict[str, Any], ArticleDraft]]]) -> None:
    for facts, draft in (one for made in library.values() for one in made):
        first = html.unescape(draft.html.split("</p>")[0]).lower()
        headings = [html.unescape(h) for h in re.findall(r"<h2>(.*?)</h2>", draft.html)]
        assert facts["primary_keyword"] in first
        assert re.search(r"<table>|<ul>|<ol>", draft.html)
        assert "requently asked questions" in headings[-1] and 2 <= len(draft.faq) <= 5
        for keyword in facts["keywords"]:
            if (phrase := read(keyword)).kind in {"question", "how_to"}:
                assert phrase.heading.casefold() in " ".join([*headings, draft.title]).casefold(), phrase.heading
        assert 20 <= len(draft.meta_title) <= 60 and 120 <= len(draft.meta_description) <= 155, draft.meta_description
        assert 0.9 * facts["word_count"] <= word_count(visible_text(draft.html)) <= 1.2 * facts["word_count"]


@pytest.mark.parametrize("asked", [400, 700, 1200, 2000])
def test_length_is_what_was_asked_for(asked: int) -> None:
    for _, draft in written(NICHES["coffee"][0].split("|"), 2, word_count=asked):
        assert 0.9 * asked <= word_count(visible_text(draft.html)) <= 1.2 * asked


def test_same_facts_same_answer() -> None:
    facts = article_facts(ask("generate_ideas", Ideas, about := idea_facts(NICHES["crm"][0].split("|"), 1)).ideas[0], about)
    replies = {OfflineTextModel().complete(TextRequest("generate_content", "", "", ArticleDraft, facts)).text for _ in range(2)}
    assert len(replies) == 1
    other = OfflineTextModel().complete(TextRequest("generate_content", "", "", ArticleDraft, {**facts, "brief": "another"})).text
    assert other not in replies


@pytest.mark.parametrize("odd", ODD)
def test_odd_keywords_alone(odd: str) -> None:
    for _, draft in written([odd], 1):
        assert "<script" not in draft.html.lower()
    names = ask(
        "auto_cluster", ClusterNames, {"language": "en", "clusters": [{"key": "c1", "keywords": [{"keyword": odd}]}], "taken_names": []}
    )
    assert names.clusters[0].name
    pictures = {
        "title": odd,
        "primary_keyword": odd,
        "headings": [odd, "Second"],
        "in_article_count": 2,
        "style": "photo",
        "language": "en",
    }
    ask("generate_image_prompts", ImagePrompts, pictures)


def test_odd_keywords_together() -> None:
    keywords = ODD[:20]
    assert len(written(keywords, 5)) == 5


def test_outline_of_another_writer_is_followed() -> None:
    outline = [{"heading": h, "points": ["x"]} for h in ("Why it matters", "Price & <b>value</b>", "What People Get Wrong", "Conclusion")]
    ((facts, draft),) = written(["coffee subscription for office"], 1, outline=outline, title="Office Coffee, Sorted")
    headings = [html.unescape(h) for h in re.findall(r"<h2>(.*?)</h2>", draft.html)]
    assert headings == ["Why it matters", "Price & b value /b", "What People Get Wrong", "Conclusion", "Frequently asked questions"]
    assert draft.title == facts["title"]


def test_without_outline_and_with_links() -> None:
    links = [{"title": f"Coffee & part {i}", "url": f"https://demo.shop/{i}?a=1&b=2"} for i in range(3)]
    ((_, draft),) = written(["best burr coffee grinder"], 1, outline=[], links=links)
    assert draft.html.count('<a href="https://demo.shop/') == 3


def test_another_language_is_answered_in_english_and_says_so() -> None:
    about = idea_facts(["kaffee mahlen", "wie lagert man kaffee"], 1, language="de")
    draft = ask("generate_content", ArticleDraft, article_facts(ask("generate_ideas", Ideas, about).ideas[0], about))
    assert draft.html.startswith("<p><em>Offline draft in English")


def test_taken_titles_and_names_are_avoided() -> None:
    about = idea_facts(["how to clean a coffee grinder"], 1)
    titles: list[str] = []
    for _ in range(12):
        titles.append(ask("generate_ideas", Ideas, {**about, "taken_titles": titles}).ideas[0].title)
    assert len({t.casefold() for t in titles}) == 12
    same = [{"key": f"c{i}", "keywords": [{"keyword": "cold brew", "volume": 1, "intent": "informational"}]} for i in range(6)]
    ask("auto_cluster", ClusterNames, {"language": "en", "clusters": same, "taken_names": ["Cold Brew"]})


def test_pictures_are_distinct_and_fewer_when_headings_are_few() -> None:
    facts = {"title": "T", "primary_keyword": "cold brew", "headings": ["Step by step", "Mistakes to avoid", "FAQ"], "in_article_count": 3}
    answer = ask("generate_image_prompts", ImagePrompts, {**facts, "style": "photo", "language": "en"})
    assert [p.after_heading for p in answer.in_article] == facts["headings"]
    assert ask("generate_image_prompts", ImagePrompts, {**facts, "headings": [], "style": "", "language": "en"}).in_article == []


@pytest.mark.parametrize(
    ("keyword", "kind", "topic", "title"),
    [
        ("how to descale espresso machine", "how_to", "descaling an espresso machine", "How to Descale an Espresso Machine"),
        ("coffee jitters how to stop", "how_to", "stopping coffee jitters", "How to Stop Coffee Jitters"),
        ("is coffee bad for you", "question", "whether coffee is bad for you", "Is Coffee Bad for You?"),
        (
            "how long does cold brew last in the fridge",
            "question",
            "how long cold brew lasts in the fridge",
            "How Long Does Cold Brew Last in the Fridge?",
        ),
        ("can you freeze coffee beans", "question", "freezing coffee beans", "Can You Freeze Coffee Beans?"),
        ("chemex vs v60", "comparison", "Chemex and V60", "Chemex vs V60"),
        ("what is a crm", "definition", "a CRM", "What Is a CRM?"),
        ("gooseneck kettle for pour over", "phrase", "a gooseneck kettle for pour over", "Gooseneck Kettle for Pour Over"),
        ("dentist near me", "local", "a dentist near you", "Dentist Near Me"),
        ("home barista setup cost", "cost", "the cost of a home barista setup", "Home Barista Setup Cost"),
    ],
)
def test_keywords_are_read_as_language(keyword: str, kind: str, topic: str, title: str) -> None:
    phrase = read(keyword)
    assert (phrase.kind, phrase.topic, phrase.title) == (kind, topic, title)


def test_title_case_keeps_small_words_and_names() -> None:
    assert title_case("how to use the V60: a guide") == "How to Use the V60: A Guide"


def test_banks_are_well_formed() -> None:
    slots = set()
    for name, lines in banks().items():
        assert lines, name
        for line in lines:
            slots |= {s.lower() for s in SLOT.findall(line)}
            plain = line
            while INNERMOST.search(plain):
                plain = INNERMOST.sub("x", plain)
            assert not set("{}|") & set(plain), (name, line)
    assert slots <= {
        "topic",
        "topic2",
        "pair",
        "subject",
        "search",
        "search2",
        "point",
        "point2",
        "option",
        "options",
        "act",
        "reader",
        "site",
        "kw",
        "np",
        "meta",
        "heading",
        "setting",
        "aims",
        "example",
    }


def test_answer_is_json_of_the_facts_own_words() -> None:
    reply = OfflineTextModel().complete(TextRequest("generate_ideas", "", "", Ideas, idea_facts(["ÄÖ & ß", "café"], 2))).text
    assert {i["primary_keyword"] for i in json.loads(reply)["ideas"]} == {"ÄÖ & ß", "café"}
