"""Every planted fault is found under its code, and articles without faults pass."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.writer.checks import ArticleCheck, ImageFact, check_article
from chalicelib.writer.findings import BLOCKED_AT_MOST
from chalicelib.writer.readability import sketch
from tests.writer.good_articles import COLD_BREW, FRENCH_PRESS, GOOD, KAFFEE

Change = dict[str, Any]


def checked(**changes: Any) -> ArticleCheck:
    """The check of the good cold brew article with some arguments changed; `html` may be a function of the good one."""
    arguments = {**GOOD["cold brew"], **changes}
    if callable(arguments["html"]):
        arguments["html"] = arguments["html"](COLD_BREW)
    return check_article(**arguments)


def codes(check: ArticleCheck) -> set[str]:
    return {one.code for one in check.findings}


def plus(addition: str) -> Callable[[str], str]:
    """The article with something more before its last section."""
    return lambda html: html.replace("<h2>Frequently", addition + "<h2>Frequently")


def swap(old: str, new: str) -> Callable[[str], str]:
    def changed(html: str) -> str:
        assert old in html
        return html.replace(old, new)

    return changed


def paragraph(words: int, ends: str = ".") -> str:
    """A paragraph of so many words in short sentences, each different."""
    parts = [f"Bag {n} from farm {n * 7} rests {n + 3} days in hall {n * 13}." for n in range(words // 10 + 1)]
    return f"<p>{' '.join(' '.join(parts).split()[:words]).rstrip('.')}{ends}</p>"


SENTENCE = "Grind the beans as coarse as your old hand grinder allows you to."
FRENCH = (
    "<p>Le café est une boisson que vous pouvez préparer avec une cafetière et de l'eau dans la cuisine, "
    "mais il ne faut pas oublier que "
    "les grains sont "
    "meilleurs avec une mouture fraîche, et qui plus est, pour un bon goût, vous devez les garder dans une boîte.</p>"
)
HARD = "".join(
    f"<p>Organisational responsibility {n} necessitates institutional accountability {n}, notwithstanding characteristically "
    f"internationalised terminological considerations regarding interoperability.</p>"
    for n in range(25)
)
REFUSALS = [
    "As an AI language model, I cannot taste coffee.",
    "As an AI, I do not drink coffee.",
    "I'm sorry, but I can't write about that.",
    "I cannot assist with that request.",
    "My knowledge cutoff is too early for this.",
    "I'm an AI and have no taste.",
]
PLACEHOLDERS = [
    "Lorem ipsum dolor sit amet.",
    "Buy it at [insert shop name] today.",
    "Buy it at [Your Company] today.",
    "TODO: write about filters.",
    "Hello {{first_name}}, brew with us.",
    "Visit ${SITE_NAME} today.",
    "Visit {brand} today.",
    "Visit your company name today.",
    "The price is TBD.",
    "See [link to the study] for more.",
]
FAULTS: list[tuple[str, Change]] = [
    # text that a model leaves behind
    *[("refusal_text", {"html": plus(f"<p>{text}</p>")}) for text in REFUSALS],
    *[("placeholder_text", {"html": plus(f"<p>{text}</p>")}) for text in PLACEHOLDERS],
    (
        "placeholder_text",
        {"meta_description": "A guide to the cold brew coffee ratio by [Your Brand], with a table of amounts for jars of every size."},
    ),
    ("placeholder_text", {"title": "The Right {{keyword}} for Every Jar"}),
    ("chat_text", {"html": lambda html: "<p>Sure! Here is the article about cold brew coffee ratio.</p>" + html}),
    ("chat_text", {"html": lambda html: "<p>Here's your SEO-optimised article on the cold brew coffee ratio:</p>" + html}),
    ("chat_text", {"html": lambda html: html + "<p>Let me know if you'd like me to change anything.</p>"}),
    ("code_fence", {"html": lambda html: "```html\n" + html + "\n```"}),
    ("markdown_leftover", {"html": plus("<p>Use **fresh** beans.</p>")}),
    ("markdown_leftover", {"html": plus("<p>## Storage</p>")}),
    ("markdown_leftover", {"html": plus("<p>Read [this page](https://coffee.org/a) first.</p>")}),
    ("markdown_leftover", {"html": plus("<p>- Weigh the beans<br>- Grind them</p>")}),
    ("markdown_leftover", {"html": plus("<p>| Style | Coffee |</p>")}),
    ("json_leftover", {"html": lambda html: '{"title": "Cold brew", "html": "' + html + '"}'}),
    ("json_leftover", {"html": lambda html: html + '<p>"meta_description": "A guide."</p>'}),
    ("escape_leftover", {"html": plus("<p>One.\\n\\nTwo.</p>")}),
    ("escaped_markup", {"html": plus("<p>Use &lt;strong&gt;fresh&lt;/strong&gt; beans.</p>")}),
    ("escaped_markup", {"html": plus("<p>Milk &amp;amp; sugar.</p>")}),
    ("mojibake", {"html": plus("<p>Donâ€™t stir the jar.</p>")}),
    ("mojibake", {"html": plus("<p>CafÃ© style.</p>")}),
    # completeness
    ("empty_article", {"html": ""}),
    ("empty_article", {"html": "<p> </p><h2></h2>"}),
    ("too_short", {"html": "<p>Cold brew coffee ratio: one to eight.</p>"}),
    ("too_short", {"word_count": 1200}),
    ("too_short", {"word_count": None, "html": "<p>Short.</p>"}),
    ("short", {"word_count": 600}),
    ("too_long", {"word_count": 150}),
    ("truncated", {"html": lambda html: html + "<p>The best way to keep a jar of cold brew in the</p>"}),
    ("truncated", {"html": lambda html: html + "<p>Some people add milk, sugar, and vanilla</p>"}),
    ("truncated", {"html": lambda html: html + "<h2>Conclusion</h2>"}),
    ("truncated", {"html": lambda html: html + '<p>More at <a href="/mor'}),
    ("truncated", {"html": lambda html: html + "<ul><li>Weigh the beans,</li></ul>"}),
    # language
    ("wrong_language", {"html": KAFFEE}),
    ("wrong_language", {"language": "de"}),
    ("wrong_language", {"language": "Japanese"}),
    ("wrong_language", {"html": "<p>" + "Кофе холодной заварки готовят в банке и хранят в холодильнике. " * 20 + "</p>"}),
    ("mixed_language", {"html": plus(FRENCH)}),
    # repetition and readability
    ("repetition", {"html": plus(f"<p>{SENTENCE}</p><ul>{f'<li>{SENTENCE}</li>' * 6}</ul>")}),
    ("repeated_sentence", {"html": plus(f"<p>{SENTENCE}</p><p>Really. {SENTENCE}</p>")}),
    ("repeated_paragraph", {"html": plus(paragraph(40) * 2)}),
    ("overused_word", {"html": plus("<p>" + " ".join(f"Water number {n} is water." for n in range(30)) + "</p>")}),
    ("doubled_word", {"html": plus("<p>Pour the the water.</p>")}),
    ("wall_of_text", {"html": plus(paragraph(170))}),
    ("long_section", {"html": plus("<h2>All bags</h2>" + "".join(paragraph(120) for _ in range(4)))}),
    ("long_sentences", {"html": lambda html: re.sub(r"[.?] ", " and then ", html)}),
    ("hard_to_read", {"html": lambda html: html + HARD}),
    ("stock_phrases", {"html": plus("<p>In today's fast-paced world, good coffee is a game-changer.</p>")}),
    ("shouting", {"html": plus("<p>NEVER EVER BOIL THE WATER.</p>")}),
    ("exclamations", {"html": plus("<p>" + "Great! " * 12 + "</p>")}),
    # markup
    ("unsafe_html", {"html": plus("<script>alert(1)</script>")}),
    ("unsafe_html", {"html": plus('<p onclick="x()">Hi.</p>')}),
    ("unsafe_html", {"html": plus('<p><a href="javascript:x()">Recipes</a>.</p>')}),
    ("unsafe_html", {"html": plus('<p><a href="java\tscript:x()">Recipes</a>.</p>')}),
    ("unsafe_html", {"html": plus('<iframe src="https://evil.net/"></iframe>')}),
    ("unsafe_html", {"html": plus("<form action='/x'><p>Hi.</p></form>")}),
    ("unsafe_html", {"html": "<script>x</script>"}),
    ("foreign_markup", {"html": plus("<style>p {color: red}</style>")}),
    ("inline_style", {"html": plus('<p style="color:red">Hi there.</p>')}),
    ("page_markup", {"html": lambda html: f"<html><body>{html}</body></html>"}),
    ("unbalanced_markup", {"html": plus("<p>Use <strong>fresh beans.</p>")}),
    # headings and sections
    ("h1_in_body", {"html": lambda html: "<h1>Cold brew</h1>" + html}),
    ("missing_h2", {"html": lambda html: re.sub(r"</?h[23]>", "", html)}),
    (
        "few_h2",
        {
            "html": lambda html: (
                re.sub(r"<(/?)h2>", r"<\1h3>", html).replace("<h3>", "<h2>", 1).replace("</h3>", "</h2>", 1) + paragraph(140)
            )
        },
    ),
    ("heading_order", {"html": plus("<h4>Deep</h4><p>Too deep.</p>")}),
    ("empty_heading", {"html": plus("<h2> </h2><p>Under nothing.</p>")}),
    ("duplicate_heading", {"html": plus("<h2>Steps for a clean jar</h2><p>Again.</p>")}),
    ("heading_repeats_title", {"html": plus("<h2>The Right Cold Brew Coffee Ratio, Step by Step</h2><p>Again.</p>")}),
    ("long_heading", {"html": plus(f"<h2>{'This heading is a whole sentence ' * 4}</h2><p>Yes.</p>")}),
    ("heading_all_caps", {"html": plus("<h2>STORING THE BOTTLES</h2><p>Cold.</p>")}),
    ("empty_section", {"html": plus("<h2>Storing</h2><h2>Serving</h2><p>Cold.</p>")}),
    ("no_introduction", {"html": lambda html: "<h2>Cold brew coffee ratio basics</h2>" + html}),
    (
        "no_paragraphs",
        {"html": lambda html: "<h2>Cold brew coffee ratio</h2><table><tr><td>" + re.sub(r"<[^>]+>", " ", html) + "</td></tr></table>"},
    ),
    (
        "no_list",
        {"html": lambda html: re.sub(r"</?(?:ol|ul|li|table|thead|tbody|tr|t[hd])>", "", html) + paragraph(140) * 3, "word_count": 800},
    ),
    ("missing_faq", {"html": lambda html: html.replace("Frequently asked questions", "More").replace("?</h", "</h") + paragraph(140) * 2}),
    # links and pictures
    ("empty_link", {"html": plus('<p>See <a href="">the recipes</a>.</p>')}),
    ("empty_link", {"html": plus('<p>See <a href="#">the recipes</a>.</p>')}),
    ("link_without_text", {"html": plus('<p>See <a href="/recipes"></a>.</p>')}),
    ("vague_link", {"html": plus('<p><a href="/recipes">Click here</a>.</p>')}),
    ("broken_link", {"html": plus('<p>See <a href="www.coffee.org/recipes">the recipes</a>.</p>')}),
    ("broken_link", {"html": plus('<p>See <a href="http://recipes">the recipes</a>.</p>')}),
    ("broken_link", {"html": plus('<p>See <a href="https://coffee.org/the recipes">the recipes</a>.</p>')}),
    ("broken_link", {"html": plus('<p>See <a href="#recipes">the recipes</a>.</p>')}),
    ("broken_link", {"html": plus('<p>See <a href="https://[coffee/">the recipes</a>.</p>')}),
    ("placeholder_link", {"html": plus('<p>See <a href="https://www.example.com/a">the recipes</a>.</p>')}),
    ("too_many_links", {"html": plus("<p>" + "".join(f'<a href="/r/{n}">Recipe {n}</a>, ' for n in range(30)) + "all good.</p>")}),
    ("missing_alt", {"html": plus('<figure><img src="/a.png"></figure>')}),
    ("missing_alt", {"html": plus('<figure><img src="/a.png" alt=" "></figure>')}),
    ("missing_alt", {"images": [ImageFact("", "featured")]}),
    ("duplicate_alt", {"html": plus('<img src="/a.png" alt="A jar"><img src="/b.png" alt="A jar">')}),
    ("duplicate_alt", {"images": [ImageFact("A jar", "featured"), ImageFact("A  jar")]}),
    ("poor_alt", {"html": plus('<img src="/a.png" alt="image 1">')}),
    ("poor_alt", {"images": [ImageFact("cold-brew.png", "featured")]}),
    ("long_alt", {"images": [ImageFact("A jar " * 40, "featured")]}),
    ("image_without_source", {"html": plus('<img alt="A jar">')}),
    ("no_images", {}),
    ("no_featured_image", {"images": [ImageFact("A jar on a table")]}),
    # title, meta texts, keywords
    ("empty_title", {"title": " "}),
    ("title_too_long", {"title": "The Right Cold Brew Coffee Ratio, Step by Step, for Every Jar, Bottle and Kitchen in the World"}),
    ("title_too_short", {"title": "Cold brew"}),
    ("title_all_caps", {"title": "THE RIGHT COLD BREW COFFEE RATIO"}),
    ("title_leftover", {"title": "Title: The Right Cold Brew Coffee Ratio"}),
    ("title_leftover", {"title": "**The Right Cold Brew Coffee Ratio**"}),
    ("title_cut", {"title": "The Right Cold Brew Coffee Ratio:"}),
    ("meta_title_missing", {"meta_title": ""}),
    ("meta_title_too_long", {"meta_title": "Cold brew coffee ratio " * 4}),
    ("meta_title_too_short", {"meta_title": "Cold brew"}),
    ("meta_title_leftover", {"meta_title": "<b>Cold Brew Coffee Ratio</b> Guide"}),
    ("meta_description_missing", {"meta_description": ""}),
    ("meta_description_too_long", {"meta_description": "Cold brew coffee ratio explained. " * 8}),
    ("meta_description_too_short", {"meta_description": "Cold brew coffee ratio explained."}),
    ("meta_description_leftover", {"meta_description": "Meta description: " + GOOD["cold brew"]["meta_description"]}),
    ("meta_description_repeats_title", {"meta_description": GOOD["cold brew"]["title"]}),
    ("keyword_missing", {"primary_keyword": "aeropress recipe"}),
    ("keyword_not_in_title", {"title": "How Much Water Goes Into the Jar?"}),
    ("keyword_not_in_intro", {"html": lambda html: paragraph(130) + html}),
    ("keyword_not_in_headings", {"html": swap("Which cold brew coffee ratio should you use?", "How much is enough?")}),
    (
        "keyword_not_in_meta_description",
        {"meta_description": "How much water to use, how long to steep and which beans to buy: all explained for every jar."},
    ),
    (
        "keyword_stuffing",
        {"html": plus("<p>" + "The cold brew coffee ratio helps. " * 3 + "</p><p>" + "A cold brew coffee ratio works. " * 5 + "</p>")},
    ),
    (
        "stuffed_headings",
        {"html": lambda html: re.sub(r"<(h[23])>.*?</h", lambda m: f"<{m[1]}>Cold brew coffee ratio {m.start()}</h", html)},
    ),
    ("keyword_coverage_low", {"keywords": ["aeropress recipe", "moka pot size", "cold brew coffee ratio"]}),
    ("keyword_not_covered", {"keywords": ["aeropress recipe", "best beans for cold brew", "cold brew coffee ratio"]}),
    # others
    ("near_duplicate", {"others": [sketch(FRENCH_PRESS), sketch(COLD_BREW.replace("jar", "bottle"))]}),
    ("similar_to_other", {"others": [sketch(COLD_BREW[: len(COLD_BREW) // 2] + FRENCH_PRESS)]}),
]
BLOCKERS = {
    *("refusal_text", "placeholder_text", "chat_text", "code_fence", "json_leftover", "empty_article", "too_short", "truncated"),
    *("wrong_language", "repetition", "unsafe_html", "no_paragraphs", "empty_title", "near_duplicate"),
}


@pytest.mark.parametrize(("code", "changes"), FAULTS, ids=[f"{code}-{at}" for at, (code, _) in enumerate(FAULTS)])
def test_a_planted_fault_is_found(code: str, changes: Change) -> None:
    check = checked(**changes)
    assert code in codes(check)
    assert any(one.code == code and (one.severity == "blocker") == (code in BLOCKERS) for one in check.findings)
    assert check.ok == (not check.blockers)
    if code in BLOCKERS:
        assert check.score <= BLOCKED_AT_MOST
    assert all(one.message.endswith((".", "?", "!")) for one in check.findings)


def test_the_table_covers_what_was_promised() -> None:
    assert len({code for code, _ in FAULTS}) >= 60
