"""The schema.org description of a content (JSON-LD), built from its stored fields whenever it is read or published.

What it says of the page is what the page shows: the FAQ is read from the body, so that a question an editor has taken out is not
claimed, and an answer is the one that stands there.

Source: schema.org BlogPosting, Article, WebPage, Product, CollectionPage, FAQPage; Google Search Central, structured data guidelines
(markup must describe what readers of the page see).
"""

import re
from collections.abc import Sequence
from typing import Any

from chalicelib.auth.sites import get_site
from chalicelib.core.context import Context
from chalicelib.writer.content import Content
from chalicelib.writer.html import plain_text, word_count
from chalicelib.writer.images import images_of

HEADLINE_MAX = 110
LANDING = frozenset({"landing_page", "hub", "service_page"})  # structures of pages that are no articles
_HEADING = re.compile(r"<(h[2-4])\b[^>]*>(.*?)</\1>", re.DOTALL)
_QUESTION_ENDS = ("?", "\uff1f", "\u061f", "\u037e")


def described(ctx: Context, content: Content, html: str) -> dict[str, Any]:
    """The JSON-LD of a content as it is read: with its site's name, and the pictures that have a lasting address."""
    site = get_site(ctx, content.site_id)
    pictures = sorted(images_of(ctx, content.id), key=lambda i: (i.image_type != "featured", i.position))
    lasting = [i.image_url for i in pictures if i.image_url and i.image_url.startswith("https://")]
    return json_ld(content, html, publisher=site.name, domain=site.domain or "", images=lasting)


def json_ld(
    content: Content,
    html: str,
    *,
    publisher: str,
    domain: str = "",
    images: Sequence[str] = (),
    published_at: str | None = None,
) -> dict[str, Any]:
    """A graph of the page and, where its body shows one, its FAQ.

    html: the content's body. publisher, domain: name and domain of its site. images: addresses, the most important first; of pictures
    that a target puts elsewhere, their `ArticleImage.source`, which the publisher rewrites. published_at: when the content has none yet.
    """
    graph = [_page(content, html, publisher, domain, list(images), content.published_at or published_at)]
    if entries := faq_shown(content, html):
        questions = [{"@type": "Question", "name": q, "acceptedAnswer": {"@type": "Answer", "text": a}} for q, a in entries]
        graph.append({"@type": "FAQPage", "inLanguage": content.language, "mainEntity": questions})
    return {"@context": "https://schema.org", "@graph": graph}


def page_type(content: Content) -> str:
    if content.content_type == "product":
        return "Product"
    if content.content_type == "taxonomy":
        return "CollectionPage"
    if content.content_type == "page":
        return "WebPage" if content.content_structure in LANDING else "Article"
    return "BlogPosting"


def _page(content: Content, html: str, publisher: str, domain: str, images: list[str], published_at: str | None) -> dict[str, Any]:
    kind = page_type(content)
    organisation = {"@type": "Organization", "name": publisher, **({"url": f"https://{domain}"} if domain else {})}
    title, description = content.title, content.meta_description or content.excerpt
    about: dict[str, Any]
    if kind == "Product":  # a product has no author and no language; offers and ratings are the shop's to add
        about = {"name": title, "description": description, "image": images, "brand": organisation}
    else:
        author = {"@type": "Person", "name": content.author} if content.author else organisation
        about = {
            ("headline" if kind in ("BlogPosting", "Article") else "name"): title[:HEADLINE_MAX],
            "description": description,
            "inLanguage": content.language,
            "image": images,
            "datePublished": published_at,
            "dateModified": max(content.updated_at, published_at or ""),
            "author": author,
            "publisher": organisation,
            "keywords": content.keywords,
        }
        if kind in ("BlogPosting", "Article"):
            about["wordCount"] = word_count(html)
    if content.external_url:
        about |= {"url": content.external_url, **({} if kind == "Product" else {"mainEntityOfPage": content.external_url})}
    return {"@type": kind, **{name: value for name, value in about.items() if value not in (None, "", [])}}


def faq_shown(content: Content, html: str) -> list[tuple[str, str]]:
    """Questions and answers that the body shows, in its order, each the text below a heading: those of the sections in which a question
    of the content's list stands, else (an earlier revision was restored) of the last section with two that end as questions do."""
    found = list(_HEADING.finditer(html))
    ends = [*(h.start() for h in found[1:]), len(html)]
    listed = {_folded(entry.question) for entry in content.faq}
    section, groups = 0, dict[int, list[tuple[str, str, bool]]]()
    for heading, end in zip(found, ends, strict=False):  # without a heading there is one end too many
        section += heading.group(1) == "h2"
        question = " ".join(plain_text(heading.group(2)).split())
        answer = " ".join(plain_text(html[heading.end() : end]).split())
        named = _folded(question) in listed
        if answer and (named or (heading.group(1) != "h2" and question.endswith(_QUESTION_ENDS))):
            groups.setdefault(section, []).append((question, answer, named))
    shown = [group for group in groups.values() if any(is_listed for *_, is_listed in group)]
    shown = shown or [group for group in groups.values() if len(group) > 1][-1:]
    return [(question, answer) for group in shown for question, answer, _ in group]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
