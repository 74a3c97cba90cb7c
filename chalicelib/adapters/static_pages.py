"""Render the pages of the static site: articles, index, sitemap and feed. Pure functions from data to text.

Links are relative, so that the site opens from a folder as well as from a server; only what has to be absolute (canonical, Open
Graph, sitemap, feed) uses the site's address, and is left out when there is none.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from chalicelib.adapters.article_html import Body, questions, with_addresses
from chalicelib.adapters.static_manifest import Entry
from chalicelib.ports import Article

TOC_FROM_HEADINGS = 3
FEED_ITEMS = 50
ARTICLE_TYPES = {"Article", "BlogPosting", "NewsArticle", "TechArticle", "HowTo", "Product", "Review", "WebPage", "CollectionPage"}
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur", "yi", "ps", "sd", "ug"}
# Scripts never run on these pages; the data blocks of JSON-LD are not scripts.
CONTENT_POLICY = "script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"

LABELS = {
    "en": {
        "minutes": "min read",
        "contents": "Contents",
        "articles": "Articles",
        "all": "All articles",
        "skip": "Skip to the text",
        "tags": "Tags",
        "offline": "Offline draft",
        "draft": "Draft",
        "none": "Nothing has been published yet.",
        "offline_text": "Composed offline from the brief, without a language model. Edit it before you publish it.",
    },
    "de": {
        "minutes": "Min. Lesezeit",
        "contents": "Inhalt",
        "articles": "Artikel",
        "all": "Alle Artikel",
        "skip": "Zum Text",
        "tags": "Schlagwörter",
        "offline": "Offline-Entwurf",
        "draft": "Entwurf",
        "none": "Es ist noch nichts veröffentlicht.",
        "offline_text": "Offline aus dem Briefing zusammengestellt, ohne Sprachmodell. Vor dem Veröffentlichen bearbeiten.",
    },
    "fr": {
        "minutes": "min de lecture",
        "contents": "Sommaire",
        "articles": "Articles",
        "all": "Tous les articles",
        "skip": "Aller au texte",
        "tags": "Mots-clés",
        "offline": "Brouillon hors ligne",
        "draft": "Brouillon",
        "none": "Rien n'est encore publié.",
        "offline_text": "Composé hors ligne à partir du brief, sans modèle de langage. À relire avant publication.",
    },
    "es": {
        "minutes": "min de lectura",
        "contents": "Contenido",
        "articles": "Artículos",
        "all": "Todos los artículos",
        "skip": "Ir al texto",
        "tags": "Etiquetas",
        "offline": "Borrador sin conexión",
        "draft": "Borrador",
        "none": "Todavía no hay nada publicado.",
        "offline_text": "Compuesto sin conexión a partir del brief, sin modelo de lenguaje. Edítalo antes de publicarlo.",
    },
}
ENGLISH_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


@dataclass(frozen=True)
class Site:
    """name: shown on every page. base_url: without a slash at the end, empty when the site has no address."""

    name: str
    base_url: str = ""

    def absolute(self, path: str) -> str:
        """The address of a key below the site's prefix, or empty."""
        return f"{self.base_url}/{path}" if self.base_url.startswith(("https://", "http://")) else ""


def labels(language: str) -> dict[str, str]:
    """The words around an article, in its language where we have them."""
    return LABELS.get(language.lower()[:2], LABELS["en"])


def _direction(language: str) -> str:
    return "rtl" if language.lower().split("-")[0] in RIGHT_TO_LEFT else "ltr"


def _date(iso: str, language: str) -> str:
    if not iso:
        return ""
    when = datetime.fromisoformat(iso)
    words = f"{when.day} {ENGLISH_MONTHS[when.month - 1]} {when.year}" if language.lower().startswith("en") else when.date().isoformat()
    return f'<time datetime="{escape(iso)}">{words}</time>'


def _page(site: Site, *, language: str, title: str, head: Sequence[str], body: str, root: str) -> str:
    """root: the way back to the site's folder, `` or `../`."""
    words = labels(language)
    link = f'<link rel="alternate" type="application/rss+xml" title="{escape(site.name)}" href="{root}feed.xml">'
    lines = [
        "<!doctype html>",
        f'<html lang="{escape(language)}" dir="{_direction(language)}">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">',
        f"<title>{escape(title)}</title>",
        *[line for line in head if line],
        link if site.absolute("") else "",
        f'<link rel="stylesheet" href="{root}style.css"></head>',
        f'<body><a class="skip" href="#text">{words["skip"]}</a>',
        f'<div class="bar"><div><a href="{root}index.html">{escape(site.name)}</a></div></div>',
        body,
        f'<footer class="foot"><div><span>{escape(site.name)}</span><a href="{root}index.html">{words["all"]}</a></div></footer>',
        "</body></html>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _meta(name: str, content: str, attribute: str = "name") -> str:
    return f'<meta {attribute}="{name}" content="{escape(content)}">' if content else ""


def structured_data(article: Article, entry: Entry, site: Site, urls: dict[str, str]) -> dict[str, Any]:
    """The page's schema.org graph: what the article brings, an Article when it brings none, and its FAQ when it has one.

    urls: the article's own image addresses -> addresses on this site.
    Source: schema.org Article, FAQPage; Google Search Central, Article structured data.
    """
    given = article.json_ld or {}
    graph = given.get("@graph", [given] if given else [])
    nodes = [{k: v for k, v in with_addresses(node, urls).items() if k != "@context"} for node in graph]
    types = {t for node in nodes for t in (node["@type"] if isinstance(node.get("@type"), list) else [node.get("@type")])}
    address = site.absolute(f"{entry.directory}/index.html")
    if not types & ARTICLE_TYPES:
        picture = site.absolute(entry.image) if entry.image else ""
        optional = {
            "description": article.meta_description or entry.excerpt,
            "image": [picture] if picture else None,
            "url": address,
            "mainEntityOfPage": address,
            "keywords": article.primary_keyword,
            "author": {"@type": "Person", "name": article.author} if article.author else None,
            "publisher": {"@type": "Organization", "name": site.name},
        }
        nodes.insert(0, {
            "@type": "Article", "headline": article.title[:110], "inLanguage": article.language, "datePublished": entry.published_at,
            "dateModified": entry.updated_at, **{k: v for k, v in optional.items() if v},
        })  # fmt: skip
    faq = questions(article.html)
    if faq and "FAQPage" not in types:
        nodes.append({
            "@type": "FAQPage", "inLanguage": article.language,
            "mainEntity": [{"@type": "Question", "name": q, "acceptedAnswer": {"@type": "Answer", "text": a}} for q, a in faq],
        })  # fmt: skip
    return {"@context": "https://schema.org", "@graph": nodes}


def _data_block(data: dict[str, Any]) -> str:
    # Inside a script element only the letters of "</script" and "<!--" can end it: no "<" at all is the simple rule.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/ld+json">{text}</script>'


def article_page(article: Article, entry: Entry, body: Body, site: Site, urls: dict[str, str], tags: Sequence[str]) -> str:
    """The page of one article. body: adapted, image addresses relative to the page. entry: as it will be stored."""
    words = labels(article.language)
    description = article.meta_description or entry.excerpt
    address = site.absolute(f"{entry.directory}/index.html")
    title = article.meta_title or article.title
    head = [
        _meta("description", description),
        _meta("author", article.author),
        _meta("robots", "noindex" if article.status == "draft" else ""),
        f'<link rel="canonical" href="{escape(address)}">' if address else "",
        _meta("og:type", "article", "property"),
        _meta("og:title", title, "property"),
        _meta("og:description", description, "property"),
        _meta("og:site_name", site.name, "property"),
        _meta("og:locale", article.language.replace("-", "_"), "property"),
        _meta("og:url", address, "property"),
        _meta("og:image", site.absolute(entry.image) if entry.image else "", "property"),
        _meta("og:image:alt", entry.image_alt if entry.image and address else "", "property"),
        _meta("article:published_time", entry.published_at, "property"),
        _meta("article:modified_time", entry.updated_at, "property"),
        _meta("twitter:card", "summary_large_image" if entry.image else "summary"),
        _data_block(structured_data(article, entry, site, urls)),
    ]
    facts = [
        _date(entry.published_at, article.language),
        f"<span>{escape(article.author)}</span>" if article.author else "",
        f"<span>{entry.minutes} {words['minutes']}</span>",
        f'<span class="badge">{words["offline"]}</span>' if article.generated_by == "offline" else "",
        f'<span class="badge">{words["draft"]}</span>' if article.status == "draft" else "",
    ]
    own = entry.image.split("/", 1)[-1]
    contents = "".join(f'<li><a href="#{escape(name)}">{escape(text)}</a></li>' for name, text in body.headings if text)
    parts = [
        '<main id="text"><article class="post"><header>',
        f'<p class="kicker">{escape(entry.category)}</p>' if entry.category else "",
        f"<h1>{escape(article.title)}</h1>",
        f'<p class="lead">{escape(entry.excerpt)}</p>' if entry.excerpt else "",
        f'<div class="meta">{"".join(facts)}</div></header>',
        f'<p class="notice" role="note">{words["offline_text"]}</p>' if article.generated_by == "offline" else "",
        f'<figure><img src="{escape(own)}" alt="{escape(entry.image_alt)}" fetchpriority="high"></figure>' if own else "",
        f'<details class="toc" open><summary>{words["contents"]}</summary><ol>{contents}</ol></details>'
        if len(body.headings) >= TOC_FROM_HEADINGS
        else "",
        f'<div class="body">{body.html}</div>',
        f'<ul class="tags" aria-label="{words["tags"]}">{"".join(f"<li>{escape(t)}</li>" for t in tags)}</ul>' if tags else "",
        "</article></main>",
    ]
    return _page(site, language=article.language, title=title, head=head, body="\n".join(p for p in parts if p), root="../")


def _card(entry: Entry, first: bool) -> str:
    words = labels(entry.language)
    picture = (
        f'<img class="thumb" src="{escape(entry.image)}" alt="" {"" if first else "loading=lazy "}decoding="async">'
        if entry.image
        else '<div class="thumb" aria-hidden="true"></div>'
    )
    return "".join([
        f'<li class="card" lang="{escape(entry.language)}">{picture}<div class="in">',
        f'<p class="kicker">{escape(entry.category)}</p>' if entry.category else "",
        f'<h2><a href="{escape(entry.directory)}/index.html">{escape(entry.title)}</a></h2>',
        f"<p>{escape(entry.excerpt)}</p>" if entry.excerpt else "",
        f'<div class="meta">{_date(entry.published_at, entry.language)}<span>{entry.minutes} {words["minutes"]}</span>',
        f'<span class="badge">{words["offline"]}</span>' if entry.generated_by == "offline" else "",
        "</div></div></li>",
    ])  # fmt: skip


def index_page(site: Site, entries: Sequence[Entry]) -> str:
    """The list of all articles. entries: those to show, newest first."""
    languages = [e.language for e in entries]
    language = max(sorted(set(languages)), key=languages.count) if languages else "en"
    words = labels(language)
    cards = "\n".join(_card(entry, place < 3) for place, entry in enumerate(entries))
    body = "\n".join([
        '<main id="text">',
        f'<header class="hero"><h1>{escape(site.name)}</h1><p>{words["articles"]}: {len(entries)}</p></header>',
        f'<ul class="grid">{cards}</ul>' if entries else f'<p class="empty">{words["none"]}</p>',
        "</main>",
    ])  # fmt: skip
    address = site.absolute("index.html")
    head = [
        _meta("description", f"{site.name}: {', '.join(dict.fromkeys(e.category for e in entries if e.category))}"[:155].rstrip(": ,")),
        f'<link rel="canonical" href="{escape(address)}">' if address else "",
        _meta("og:type", "website", "property"),
        _meta("og:title", site.name, "property"),
        _meta("og:url", address, "property"),
    ]
    return _page(site, language=language, title=site.name, head=head, body=body, root="")


def sitemap(site: Site, entries: Sequence[Entry]) -> str:
    """Source: sitemaps.org protocol 0.9."""
    urls = [f"<url><loc>{escape(site.absolute('index.html'))}</loc></url>"]
    for e in entries:
        place = escape(site.absolute(f"{e.directory}/index.html"))
        urls.append(f"<url><loc>{place}</loc><lastmod>{escape(e.updated_at)}</lastmod></url>")
    joined = "\n".join(urls)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{joined}\n</urlset>\n'


def feed(site: Site, entries: Sequence[Entry]) -> str:
    """The newest articles as RSS. Source: RSS 2.0 specification, RSS Advisory Board."""
    items = "\n".join(
        f"<item><title>{escape(e.title)}</title><link>{escape(site.absolute(f'{e.directory}/index.html'))}</link>"
        f'<guid isPermaLink="false">{escape(e.source_id)}</guid>'
        f"<pubDate>{format_datetime(datetime.fromisoformat(e.published_at))}</pubDate>"
        f"<description>{escape(e.excerpt)}</description></item>"
        for e in entries[:FEED_ITEMS]
    )
    here = escape(site.absolute("feed.xml"))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
        f"<title>{escape(site.name)}</title><link>{escape(site.absolute('index.html'))}</link><description>{escape(site.name)}</description>"
        f'<atom:link href="{here}" rel="self" type="application/rss+xml"/>\n{items}\n</channel></rss>\n'
    )
