"""The text answers and what can be wrong with them: a model's text becomes an object only by way of this page.

`problems` finds what a schema cannot: invented, missing or doubled keywords, unsafe or cut-off HTML, the wrong language. The engine
shows its list to the model once, then gives up. The answers about articles are in `article_answers.py`.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from chalicelib.ai import article_answers as article
from chalicelib.ai import prose
from chalicelib.ai.answer_fields import Answer, Chars, Entries, Keyword, doubled, folded, listed, once


def _structure(name: str) -> str:
    """`content_structure` is an open list of snake_case names: `Landing Page` is accepted as `landing_page`."""
    snake = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    if not snake.isascii() or not snake.replace("_", "").isalpha() or len(snake) > 40:
        raise ValueError("must be a short snake_case name such as guide, comparison or landing_page")
    return snake


class ClusterName(Answer):
    key: Annotated[str, Chars(40, "The cluster's key, as given.")]
    name: Annotated[str, Chars(80, "One to four words, Title Case.", 2)]
    description: Annotated[str, Chars(500, "One or two sentences: what the searchers want.", 10)]


class ClusterNames(Answer):
    """Answer of `auto_cluster`: a name for each cluster, by key."""

    clusters: Annotated[list[ClusterName], Entries(1, 500)]


class OutlineSection(Answer):
    heading: Annotated[str, Chars(200, "Heading of an h2 section.", 2)]
    points: Annotated[list[Annotated[str, Chars(400, "What the section says.")]], Entries(1, 12)]


class Idea(Answer):
    title: Annotated[str, Chars(160, "The working title.", 5)]
    description: Annotated[str, Chars(1000, "What the article gives its reader.", 20)]
    content_type: Literal["post", "page", "product", "taxonomy"]
    content_structure: Annotated[
        str, AfterValidator(_structure), Field(description="article, guide, comparison, review, listicle, landing_page or alike.")
    ]
    primary_keyword: Keyword
    keywords: Annotated[list[Keyword], Entries(1, 60)]
    audience: Annotated[str, Chars(300, "Who reads it.", 2)]
    tone: Annotated[str, Chars(200, "How it speaks.", 2)]
    outline: Annotated[list[OutlineSection], Entries(2, 20)]
    brief: Annotated[str, Chars(3000, "Instructions to the writer.", 20)]
    estimated_word_count: Annotated[int, Field(description="300 to 5000.")]
    cta: Annotated[str, Chars(300, "The call to action at the end.", 2)]


class Ideas(Answer):
    """Answer of `generate_ideas`."""

    ideas: Annotated[list[Idea], Entries(1, 50)]


class FeaturedPrompt(Answer):
    prompt: Annotated[str, Chars(2000, "What the picture shows.", 20)]
    alt: Annotated[str, Chars(300, "Alternative text: what is to be seen.", 5)]


class InArticlePrompt(FeaturedPrompt):
    after_heading: Annotated[str, Chars(1000, "The heading it follows, exactly as given.")]


class ImagePrompts(Answer):
    """Answer of `generate_image_prompts`."""

    featured: FeaturedPrompt
    in_article: Annotated[list[InArticlePrompt], Entries(0, 20)]


def problems(answer: BaseModel, facts: dict[str, Any], *, check_language: bool = True, tolerant: bool = False) -> list[str]:
    """What is wrong with a schema-valid answer, in sentences a model can act on; empty when it can be stored.

    facts: the facts the answer was asked with. check_language: False for `offline`, which writes English and says so. tolerant: after
    the repair, when what is not quite as long as asked is better than nothing.
    """
    if isinstance(answer, ClusterNames):
        found = cluster_problems(answer, facts)
        said = " ".join(c.description for c in answer.clusters)
    elif isinstance(answer, Ideas):
        found = idea_problems(answer, facts)
        said = " ".join(f"{i.description} {i.brief}" for i in answer.ideas)
    elif isinstance(answer, ImagePrompts):
        found = image_prompt_problems(answer, facts)
        said = " ".join([answer.featured.alt, *(i.alt for i in answer.in_article)])
    else:
        found, said = article.problems(answer, facts, tolerant=tolerant)
    if check_language and (heard := prose.other_language(said, str(facts.get("language") or "en"))):
        found.append(f"The text is written in {heard}; the language asked for is {facts['language']}.")
    return found


def cluster_problems(answer: ClusterNames, facts: dict[str, Any]) -> list[str]:
    """Every key once, no key invented, names distinct from each other and from the names taken."""
    keys = [c.key for c in answer.clusters]
    asked = [c["key"] for c in facts["clusters"]]
    found = listed("Unknown cluster keys", [k for k in keys if k not in asked])
    found += listed("Cluster keys without a name", [k for k in asked if k not in keys])
    found += listed("Cluster keys named twice", doubled(keys))
    names = [c.name for c in answer.clusters]
    found += listed("Names used twice", doubled(names))
    taken = {folded(n) for n in facts.get("taken_names", ())}
    found += listed("Names that are taken already", [n for n in names if folded(n) in taken])
    found += listed("Names of more than six words", [n for n in names if len(n.split()) > 6])
    return found + listed("Names with markup", [n for n in names if prose.has_markup(n)])


def idea_problems(answer: Ideas, facts: dict[str, Any]) -> list[str]:
    """The number asked for, each with a title and a primary keyword of its own, all keywords from the list and none left over."""
    known = {folded(k["keyword"]): k["keyword"] for k in facts["keywords"]}
    ideas, found = answer.ideas, []
    wanted = min(int(facts["count"]), len(known))
    if len(ideas) != wanted:
        found.append(f"{wanted} ideas were asked for; there are {len(ideas)}.")
    titles = [i.title for i in ideas]
    taken = {folded(t) for t in facts.get("taken_titles", ())}
    found += listed("Titles used twice", doubled(titles))
    found += listed("Titles that are taken already", [t for t in titles if folded(t) in taken])
    found += listed("Titles with markup", [t for t in titles if prose.has_markup(t) and not any(k in t for k in known.values())])
    found += listed("Primary keywords used by more than one idea", doubled([i.primary_keyword for i in ideas]))
    used = [k for i in ideas for k in [i.primary_keyword, *i.keywords]]
    found += listed("Keywords that were not given", once(k for k in used if folded(k) not in known))
    reached = {folded(k) for k in used}
    found += listed("Keywords no idea covers", [k for f, k in known.items() if f not in reached])
    for idea in ideas:
        if not 300 <= idea.estimated_word_count <= 5000:
            found.append(f'"{idea.title}": estimated_word_count {idea.estimated_word_count} is not between 300 and 5000.')
        found += listed(f'"{idea.title}": headings used twice', doubled([s.heading for s in idea.outline]))
    return found


def image_prompt_problems(answer: ImagePrompts, facts: dict[str, Any]) -> list[str]:
    """The number of pictures asked for, each after another given heading, with alternative texts that differ."""
    headings = [folded(h) for h in facts["headings"]]
    wanted = min(int(facts["in_article_count"]), len(set(headings)))
    found = []
    if len(answer.in_article) != wanted:
        found.append(f"{wanted} in-article images were asked for; there are {len(answer.in_article)}.")
    places = [i.after_heading for i in answer.in_article]
    found += listed("Headings that do not exist", [p for p in places if folded(p) not in headings])
    found += listed("Headings used for more than one image", doubled(places))
    pictures = [answer.featured, *answer.in_article]
    found += listed("Alternative texts used twice", doubled([p.alt for p in pictures]))
    return found + listed("Prompts used twice", doubled([p.prompt for p in pictures]))
