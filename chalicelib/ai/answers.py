"""The four text answers and what can be wrong with them: a model's text becomes an object only by way of this page.

The models are strict (`extra="forbid"`, every field required, no defaults), so that their JSON schema is accepted as it is by
OpenAI's structured outputs. Lengths are checked by validators instead of `maxLength`, which strict schemas do not allow; the
limit is told to the model in the field's description. `problems` finds what a schema cannot: invented, missing or doubled
keywords, unsafe or cut-off HTML, the wrong language. The engine shows its list to the model once, then gives up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from chalicelib.ai import prose
from chalicelib.ai.prompts import unplain


@dataclass(frozen=True)
class Chars:
    """Metadata of a text field: its meaning, told to the model, and its length in characters, checked here."""

    longest: int
    meaning: str
    shortest: int = 1

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "description": f"{self.meaning} At most {self.longest} characters."}

    def _check(self, text: str) -> str:
        if not self.shortest <= len(text) <= self.longest:
            raise ValueError(f"has {len(text)} characters; {self.shortest} to {self.longest} are allowed")
        return text


@dataclass(frozen=True)
class Entries:
    """Metadata of a list field: how many entries it may have."""

    shortest: int
    longest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, items: list[Any]) -> list[Any]:
        if not self.shortest <= len(items) <= self.longest:
            raise ValueError(f"has {len(items)} entries; {self.shortest} to {self.longest} are allowed")
        return items


def _structure(name: str) -> str:
    """`content_structure` is an open list of snake_case names: `Landing Page` is accepted as `landing_page`."""
    snake = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    if not snake.isascii() or not snake.replace("_", "").isalpha() or len(snake) > 40:
        raise ValueError("must be a short snake_case name such as guide, comparison or landing_page")
    return snake


Keyword = Annotated[str, Chars(500, "A keyword, spelled exactly as it was given.")]


class Answer(BaseModel):
    """What all answers share: nothing unknown, nothing left out."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


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


class FaqEntry(Answer):
    question: Annotated[str, Chars(300, "A question as a reader would ask it.", 5)]
    answer: Annotated[str, Chars(1500, "Its answer, plain text.", 10)]


class ArticleDraft(Answer):
    """Answer of `generate_content`. html: the body without h1; its last h2 section is the FAQ that `faq` lists too."""

    title: Annotated[str, Chars(160, "The article's title.", 5)]
    html: Annotated[str, Chars(150_000, "The body: h2, h3, p, ul, ol, table; no h1.", 50)]
    excerpt: Annotated[str, Chars(500, "One or two sentences for lists of articles.", 20)]
    meta_title: Annotated[str, Chars(90, "Best under 60 characters.", 5)]
    meta_description: Annotated[str, Chars(240, "Best 120 to 155 characters.", 20)]
    primary_keyword: Keyword
    secondary_keywords: Annotated[list[Keyword], Entries(0, 60)]
    tags: Annotated[list[Annotated[str, Chars(80, "A tag.")]], Entries(0, 20)]
    categories: Annotated[list[Annotated[str, Chars(80, "A category.")]], Entries(0, 5)]
    faq: Annotated[list[FaqEntry], Entries(1, 15)]


class FeaturedPrompt(Answer):
    prompt: Annotated[str, Chars(2000, "What the picture shows.", 20)]
    alt: Annotated[str, Chars(300, "Alternative text: what is to be seen.", 5)]


class InArticlePrompt(FeaturedPrompt):
    after_heading: Annotated[str, Chars(1000, "The heading it follows, exactly as given.")]


class ImagePrompts(Answer):
    """Answer of `generate_image_prompts`."""

    featured: FeaturedPrompt
    in_article: Annotated[list[InArticlePrompt], Entries(0, 20)]


def problems(answer: BaseModel, facts: dict[str, Any], *, check_language: bool = True) -> list[str]:
    """What is wrong with a schema-valid answer, in sentences a model can act on; empty when it can be stored.

    facts: the facts the answer was asked with. check_language: False for `offline`, which writes English and says so.
    """
    if isinstance(answer, ClusterNames):
        found = cluster_problems(answer, facts)
        said = " ".join(c.description for c in answer.clusters)
    elif isinstance(answer, Ideas):
        found = idea_problems(answer, facts)
        said = " ".join(f"{i.description} {i.brief}" for i in answer.ideas)
    elif isinstance(answer, ArticleDraft):
        found = article_problems(answer, facts)
        said = prose.visible_text(answer.html)
    elif isinstance(answer, ImagePrompts):
        found = image_prompt_problems(answer, facts)
        said = " ".join([answer.featured.alt, *(i.alt for i in answer.in_article)])
    else:
        raise TypeError(f"no checks for {type(answer).__name__}")
    if check_language and (heard := prose.other_language(said, str(facts.get("language") or "en"))):
        found.append(f"The text is written in {heard}; the language asked for is {facts['language']}.")
    return found


def cluster_problems(answer: ClusterNames, facts: dict[str, Any]) -> list[str]:
    """Every key once, no key invented, names distinct from each other and from the names taken."""
    keys = [c.key for c in answer.clusters]
    asked = [c["key"] for c in facts["clusters"]]
    found = _listed("Unknown cluster keys", [k for k in keys if k not in asked])
    found += _listed("Cluster keys without a name", [k for k in asked if k not in keys])
    found += _listed("Cluster keys named twice", _doubled(keys))
    names = [c.name for c in answer.clusters]
    found += _listed("Names used twice", _doubled(names))
    taken = {folded(n) for n in facts.get("taken_names", ())}
    found += _listed("Names that are taken already", [n for n in names if folded(n) in taken])
    found += _listed("Names of more than six words", [n for n in names if len(n.split()) > 6])
    return found + _listed("Names with markup", [n for n in names if prose.has_markup(n)])


def idea_problems(answer: Ideas, facts: dict[str, Any]) -> list[str]:
    """The number asked for, each with a title and a primary keyword of its own, all keywords from the list and none left over."""
    known = {folded(k["keyword"]): k["keyword"] for k in facts["keywords"]}
    ideas, found = answer.ideas, []
    wanted = min(int(facts["count"]), len(known))
    if len(ideas) != wanted:
        found.append(f"{wanted} ideas were asked for; there are {len(ideas)}.")
    titles = [i.title for i in ideas]
    taken = {folded(t) for t in facts.get("taken_titles", ())}
    found += _listed("Titles used twice", _doubled(titles))
    found += _listed("Titles that are taken already", [t for t in titles if folded(t) in taken])
    found += _listed("Titles with markup", [t for t in titles if prose.has_markup(t) and not any(k in t for k in known.values())])
    found += _listed("Primary keywords used by more than one idea", _doubled([i.primary_keyword for i in ideas]))
    used = [k for i in ideas for k in [i.primary_keyword, *i.keywords]]
    found += _listed("Keywords that were not given", _once(k for k in used if folded(k) not in known))
    reached = {folded(k) for k in used}
    found += _listed("Keywords no idea covers", [k for f, k in known.items() if f not in reached])
    for idea in ideas:
        if not 300 <= idea.estimated_word_count <= 5000:
            found.append(f'"{idea.title}": estimated_word_count {idea.estimated_word_count} is not between 300 and 5000.')
        found += _listed(f'"{idea.title}": headings used twice', _doubled([s.heading for s in idea.outline]))
    return found


def article_problems(answer: ArticleDraft, facts: dict[str, Any]) -> list[str]:
    """Safe and complete HTML of about the length asked, about the keywords asked, with no address of its own invention."""
    found = prose.html_problems(answer.html)
    text = prose.visible_text(answer.html)
    words, asked = prose.word_count(text), int(facts["word_count"])
    if words < 0.8 * asked or words > 1.5 * asked:
        found.append(f"The body has {words} words; about {asked} were asked for ({round(0.8 * asked)} to {round(1.5 * asked)}).")
    if folded(answer.primary_keyword) != folded(facts["primary_keyword"]):
        found.append(f'primary_keyword must be "{facts["primary_keyword"]}".')
    given = [facts["primary_keyword"], *facts["keywords"]]
    known = {folded(k) for k in [*given, *(k["keyword"] for k in facts.get("cluster_keywords", ()))]}
    found += _listed("Secondary keywords that were not given", [k for k in answer.secondary_keywords if folded(k) not in known])
    found += _listed("Keywords the body does not cover", [k for k in _once(given) if not prose.covers(text, k)])
    found += _listed("Links that were not given", prose.foreign_links(answer.html, [link["url"] for link in facts.get("links", ())]))
    found += _listed("FAQ questions missing from the body", [e.question for e in answer.faq if not prose.contains(text, e.question)])
    found += _listed("FAQ questions asked twice", _doubled([e.question for e in answer.faq]))
    for name in ("title", "meta_title", "meta_description", "excerpt"):
        value = getattr(answer, name)
        if prose.has_markup(value) and not any(k in value for k in given):
            found.append(f"{name} must be plain text without HTML.")
    return found


def image_prompt_problems(answer: ImagePrompts, facts: dict[str, Any]) -> list[str]:
    """The number of pictures asked for, each after another given heading, with alternative texts that differ."""
    headings = [folded(h) for h in facts["headings"]]
    wanted = min(int(facts["in_article_count"]), len(set(headings)))
    found = []
    if len(answer.in_article) != wanted:
        found.append(f"{wanted} in-article images were asked for; there are {len(answer.in_article)}.")
    places = [i.after_heading for i in answer.in_article]
    found += _listed("Headings that do not exist", [p for p in places if folded(p) not in headings])
    found += _listed("Headings used for more than one image", _doubled(places))
    pictures = [answer.featured, *answer.in_article]
    found += _listed("Alternative texts used twice", _doubled([p.alt for p in pictures]))
    return found + _listed("Prompts used twice", _doubled([p.prompt for p in pictures]))


def folded(text: str) -> str:
    """What makes two texts the same: case and spacing do not count, nor what a prompt shows instead of angle brackets."""
    return " ".join(unplain(text).casefold().split())


def as_given(texts: Iterable[str], given: Iterable[str]) -> list[str]:
    """The texts, each spelled as it was given where it was given."""
    known = {folded(g): g for g in given}
    return [known.get(folded(t), t) for t in texts]


def _once(texts: Iterable[str]) -> list[str]:
    """The texts in their order, each once, whatever its case."""
    return list({folded(t): t for t in reversed(list(texts))}.values())[::-1]


def _doubled(texts: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    twice = []
    for text in texts:
        if folded(text) in seen:
            twice.append(text)
        seen.add(folded(text))
    return _once(twice)


def _listed(what: str, texts: Sequence[str]) -> list[str]:
    """One problem that names at most ten offenders, or none."""
    if not texts:
        return []
    more = f" and {len(texts) - 10} more" if len(texts) > 10 else ""
    return [f"{what}: {', '.join(repr(t[:120]) for t in texts[:10])}{more}."]
