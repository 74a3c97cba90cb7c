"""Internal links: which published contents of the site an article may link to, and what is done with those links afterwards.

Offered are the published contents of the article's cluster, imported ones included, and of the contents without a cluster those that
deal with its keywords. What is no longer online, has no https address or is the article itself is never offered. A model may use only
these; where it used none, a closing line names them.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape

from chalicelib.ai import prose
from chalicelib.core.context import Context
from chalicelib.writer.content import Content, Contents, published_contents, published_without_cluster
from chalicelib.writer.languages import language_code, subject_stems

LINKS = 5
OTHERS = 1_000  # contents without a cluster that are looked through
RELATED = 3  # links of the closing line
AKIN = 0.34  # share of subject words that two titles have in common from which they are about the same
OFFLINE = frozenset({"draft", "pending", "private", "future", "trash", "gone", "auto-draft"})  # of a remote post: nobody can read it
_LINK = re.compile(r'(?is)<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>')
_H2 = re.compile(r"(?is)<h2\b[^>]*>(.*?)</h2>")
_LABELS = {
    "en": "Related", "de": "Mehr dazu", "fr": "À lire aussi", "es": "Relacionado", "it": "Leggi anche", "pt": "Veja também",
    "nl": "Lees ook", "sv": "Läs även", "da": "Læs også", "nb": "Les også", "no": "Les også", "pl": "Zobacz też", "tr": "İlgili",
    "fi": "Lue myös", "cs": "Čtěte také", "ru": "Читайте также", "uk": "Читайте також",
}  # fmt: skip


def links_for(
    ctx: Context, sector_id: str, cluster_id: str, *, title: str, keywords: Sequence[str], language: str, but: Content | None = None
) -> list[dict[str, str]]:
    """At most LINKS {title, url}, those nearest to the title and keywords first. but: the content that is not to link to itself."""
    contents, code = Contents(ctx).repository, language_code(language)
    own = [frozenset(subject_stems(text, code)) for text in [title, *keywords]]
    ranked = []
    found = contents.collection(published_contents(cluster_id)) if cluster_id else []
    for other in [*found, *contents.collection(published_without_cluster(sector_id), OTHERS)]:
        if (but is not None and _same(other, but)) or not _online(other):
            continue
        likeness = _likeness(other, own, code)
        if other.cluster or likeness >= AKIN:
            ranked.append((-likeness, other.order, other))
    ranked.sort(key=lambda one: one[:2])
    offered: dict[str, dict[str, str]] = {}
    for _, _, other in ranked:
        url = other.external_url or ""
        offered.setdefault(prose.address(url), {"title": other.title, "url": url})
    return list(offered.values())[:LINKS]


def _same(one: Content, other: Content) -> bool:
    return one.id == other.id or bool(
        one.external_url and other.external_url and prose.address(one.external_url) == prose.address(other.external_url)
    )


def _online(content: Content) -> bool:
    remote = str(content.external_metadata.get("remote_status", "publish"))
    return (content.external_url or "").startswith("https://") and remote not in OFFLINE


def _likeness(other: Content, own: Iterable[frozenset[str]], code: str) -> float:
    """1 where one of the keywords says all that the other is about or the other says all of a keyword; else what they share, 0 to 1."""
    theirs = [frozenset(subject_stems(text, code)) for text in (other.title, other.primary_keyword or "") if text]
    best = 0.0
    for mine in filter(None, own):
        for their in filter(None, theirs):
            inside = len(min(mine, their, key=len)) > 1 and (mine <= their or their <= mine)
            best = max(best, 1.0 if inside else len(mine & their) / len(mine | their))
    return best


def linked(html: str, links: Sequence[dict[str, str]], language: str) -> str:
    """The body with each link once at most; where it uses none of those given, a line before the FAQ (else at its end) names them.

    html: a clean body.
    """
    seen: set[str] = set()

    def first_alone(found: re.Match[str]) -> str:
        place = prose.address(found.group(1))
        if place in seen:
            return found.group(2)
        seen.add(place)
        return found.group(0)

    body = _LINK.sub(first_alone, html)
    if not links or any(prose.address(link["url"]) in seen for link in links):
        return body
    names = ", ".join(f'<a href="{escape(link["url"])}">{escape(link["title"], quote=False)}</a>' for link in links[:RELATED])
    label = _LABELS.get(language_code(language), "")
    line = f"<p>{label}: {names}.</p>" if label else f"<p>{names}.</p>"
    faq = [h.start() for h in _H2.finditer(body) if prose.is_faq_heading(prose.visible_text(h.group(1)))]
    at = faq[-1] if faq else len(body)
    return f"{body[:at]}{line}{body[at:]}"


def used(html: str) -> set[str]:
    """The addresses that a body links to, in the form in which they are compared."""
    return {prose.address(url) for url in prose.addresses(html)}


def without(links: Sequence[dict[str, str]], taken: set[str]) -> list[dict[str, str]]:
    """The links that lead to none of these addresses."""
    return [link for link in links if prose.address(link["url"]) not in taken]
