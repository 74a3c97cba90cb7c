"""Single sentences, planted into a good article of their language: which of them are a model's or a template's, and which only look so."""

import pytest

from chalicelib.writer.checks import check_article
from tests.writer.good_articles import ARTICLES
from tests.writer.planting import raw_html
from tests.writer.test_planted_faults import IMAGES, codes_of

HOSTS = {
    "en": "en-sourdough-starter-guide",
    "de": "de-balkonkraftwerk-ratgeber",
    "es": "es-tortilla-de-patatas-receta",
    "fr": "fr-compost-appartement-guide",
    "nl": "nl-vloerverwarming-kosten",
    "pt": "pt-reserva-de-emergencia",
}


def new_codes(language: str, html: str, *, at: str = "middle") -> dict[str, str]:
    """Code and severity of what planting adds."""
    name = HOSTS[language]
    body = ARTICLES[name]["html"]
    whole = {"middle": raw_html(body, html), "start": html + body, "end": body + html}[at]
    found = check_article(**{**ARTICLES[name], "html": whole}, images=IMAGES, year=2026).findings
    return {one.code: one.severity for one in found if one.code not in codes_of(name)}


FAULTY = [
    ("en", "I apologize, but I cannot fulfill this request.", "refusal_text"),
    ("en", "I'm unable to provide real-time prices as an AI.", "refusal_text"),
    ("en", "As a large language model trained by OpenAI, I don't have taste buds.", "refusal_text"),
    ("en", "I cannot provide that information.", "refusal_text"),
    ("en", "As an AI, I don't have personal experience.", "refusal_text"),
    ("de", "Leider kann ich diese Anfrage nicht bearbeiten.", "refusal_text"),
    ("de", "Als künstliche Intelligenz habe ich keine eigene Meinung.", "refusal_text"),
    ("es", "Como IA, no puedo probar la comida.", "refusal_text"),
    ("fr", "En tant qu'IA, je n'ai pas de jardin.", "refusal_text"),
    ("nl", "Als AI kan ik geen advies geven.", "refusal_text"),
    ("en", "[INSERT IMAGE HERE]", "placeholder_text"),
    ("en", "[Internal link: baking guide]", "placeholder_text"),
    ("en", "(insert photo of jar here)", "placeholder_text"),
    ("en", "&lt;insert price&gt; per jar.", "placeholder_text"),
    ("en", "Price: $XX.XX per bag.", "placeholder_text"),
    ("en", "TODO", "placeholder_text"),
    ("en", "TODO write the conclusion", "placeholder_text"),
    ("en", "Lorem ipsum", "placeholder_text"),
    ("en", "%KEYWORD% is great.", "placeholder_text"),
    ("en", "{keyword} is great.", "placeholder_text"),
    ("en", "Coming soon.", "placeholder_text"),
    ("en", "Note to editor: check this figure.", "placeholder_text"),
    ("en", "[citation needed]", "placeholder_text"),
    ("de", "Hier Text einfügen", "placeholder_text"),
    ("es", "[Insertar imagen aquí]", "placeholder_text"),
    ("fr", "[Insérer une image]", "placeholder_text"),
    ("nl", "[voeg hier een afbeelding toe]", "placeholder_text"),
    ("pt", "[Inserir imagem]", "placeholder_text"),
    ("en", "Call us at 555-555-5555 today.", "placeholder_contact"),
    ("en", "Write to email@example.com for help.", "placeholder_contact"),
    ("de", "Max Mustermann, Musterstraße 1", "placeholder_contact"),
    ("en", "Studies agree on that [3].", "citation_without_source"),
    ("en", "Write a 1000-word article about sourdough starter.", "prompt_text"),
    ("en", "System: You are a helpful assistant.", "prompt_text"),
    ("en", "H2: What you need", "prompt_text"),
    ("en", "Target audience: home bakers.", "prompt_text"),
    ("en", "undefined", "program_text"),
    ("en", "NaN grams of flour", "program_text"),
    ("en", "# Conclusion", "markdown_leftover"),
    ("en", "&lt;p&gt;Flour&lt;/p&gt;", "escaped_markup"),
    ("de", "Für die Anlage lÃ¤uft das sehr gut.", "mojibake"),
    ("en", "CLICK HERE TO BUY NOW", "shouting"),
    ("en", "Feed it every day. Feed it every day. Feed it every day.", "repeated_sentence"),
    ("en", "It is very very very good.", "doubled_word"),
    ("en", "La levure se développe dans la farine quand il fait chaud et il faut donc la nourrir plus souvent.", "mixed_language"),
]


@pytest.mark.parametrize(("language", "text", "code"), FAULTY, ids=[text[:40] for _, text, _ in FAULTY])
def test_a_sentence_that_does_not_belong_there_is_found(language: str, text: str, code: str) -> None:
    assert code in new_codes(language, f"<p>{text}</p>")


FAIR = [
    ("en", "Keep a TODO list on the fridge. TODO lists and to-do apps help."),
    ("en", "Super Bowl XXX was in 1996, and Psalm XXX is a song of thanks."),
    ("en", "The XYZ axes of the mill and the CIE XYZ color space differ."),
    ("en", "NASA, ESA and JAXA publish data. HTML, CSS and PHP are not needed. The FDA and USDA agree."),
    ("en", "I'm an AI researcher and I bake at night. I am an AI enthusiast too."),
    ("en", "As an AI company, we should know. As an AI grows, it learns."),
    ("en", "The label read “Lorem ipsum dolor sit amet” and nobody noticed."),
    ("en", "I can't recommend white flour. I cannot help but smile."),
    ("en", "I hope this guide saves you a week of trouble."),
    ("en", "Feel free to reach out to our bakers at the counter."),
    ("en", "Here is the version I bake on Sundays. Here's a guide to flours."),
    ("en", "Is it that that bothers you? He had had enough."),
    ("en", "Call 0117 496 0123 or +1 212 655 2368."),
    ("en", "Rule: water * flour = bread. 5 * 4 = 20, 2 ** 3 = 8. A_B and __init__.py."),
    ("en", "Bread [sic] is life. He said “[the bread] rose”."),
    ("en", "Café, naïve, Žižek, Ångström, Ærø. It costs $20 to $30. Wait… then bake."),
    ("en", "✅ Flour ✅ Water ❌ Sugar ☕"),
    ("en", "We love bread! It is great! Try it!"),
    ("en", "Instructions: mix and wait. Tone: nutty. System: two jars."),
    ("de", "Das sind die, die die Anlage kaufen. Die Donaudampfschifffahrtsgesellschaftskapitänswitwe auch."),
    ("de", "Als KI bezeichnet man Systeme, die lernen. TÜV, VDE, EEG und DIN gelten."),
    ("de", "Natürlich, das kostet. Gerne, sagt der Vermieter. „Das geht nicht“, sagte er. »Na gut.«"),
    ("es", "TODO EL MUNDO lo sabe. El siglo XXX queda lejos, el XIX también."),
    ("es", "¡Claro que sí! No no, eso no. Como ingeniera, no puedo estar de acuerdo."),
    ("fr", "Nous nous sommes trompés. Voici comment faire : patience ! « Ça sent bon ! » dit-elle."),
    ("nl", "Het is iets dat dat jaar begon, en die die komen zijn blij."),
    ("pt", "São, não, mãe, irmã, ÇÃO, À vista. Claro, isso custa caro."),
]


@pytest.mark.parametrize(("language", "text"), FAIR, ids=[text[:40] for _, text in FAIR])
def test_a_sentence_that_only_looks_like_a_fault_is_left_alone(language: str, text: str) -> None:
    assert new_codes(language, f"<p>{text}</p>") == {}


@pytest.mark.parametrize(
    ("language", "html"),
    [
        ("en", "<p>Sure, sourdough starter sounds hard.</p>"),
        ("en", "<p>Of course, nobody is born a baker.</p>"),
        ("de", "<p>Klar, ein Balkonkraftwerk anmelden klingt nach Papierkram.</p>"),
        ("es", "<p>Claro, la tortilla de patatas divide.</p>"),
        ("fr", "<p>Bien sûr, le compost en appartement fait peur.</p>"),
    ],
)
def test_a_person_may_begin_so(language: str, html: str) -> None:
    assert new_codes(language, html, at="start") == {}


@pytest.mark.parametrize(
    "html",
    [
        "<p>Happy baking!</p>",
        "<p>Last updated: 3 March 2026</p>",
        "<p>Photo: Jane Roe</p>",
        "<p><em>By Anna Keller, baker in Bristol since 2011</em></p>",
        "<p>Ready? <a href='/shop'>Shop starter kits now</a></p>",
        "<table><tr><td>A</td><td>20 g</td></tr></table>",
        "<pre><code>print(1)</code></pre>",
        "<p>© 2026 Bristol Bakers</p>",
        "<p>Let me know in the comments if you need any tips.</p>",
        "<p>I hope this article helped you to begin.</p>",
    ],
)
def test_an_article_may_end_so(html: str) -> None:
    assert new_codes("en", html, at="end") == {}


def checked_as(title: str, keyword: str, html: str) -> set[str]:
    article = ARTICLES[HOSTS["en"]]
    facts = {"title": title, "primary_keyword": keyword, "keywords": [], "meta_title": title}
    return {one.code for one in check_article(**{**article, **facts, "html": raw_html(article["html"], html)}, images=IMAGES).findings}


@pytest.mark.parametrize(
    ("title", "keyword", "html", "code"),
    [
        ("Signs of Text by an AI Chatbot", "ai chatbot", "<p>Nobody says As an AI language model, I think so.</p>", "refusal_text"),
        ("A Markdown Cheat Sheet", "markdown", "<p>Write **bold** for bold.</p>", "markdown_leftover"),
        ("JSON-LD for Beginners", "json-ld", '<p>It begins with "title": and a text.</p>', "json_leftover"),
        ("The Main HTML Tags", "html tags", "<p>Use &lt;strong&gt;bold&lt;/strong&gt; sparingly.</p>", "escaped_markup"),
        ("Mail Merge Variables in Ten Minutes", "mail merge", "<p>Write {{first_name}} where the name goes.</p>", "placeholder_text"),
        ("What a TODO Comment Is For", "todo comment", "<p>TODO: comments grow old.</p>", "placeholder_text"),
        ("What Is Lorem Ipsum?", "lorem ipsum", "<p>Lorem ipsum dolor sit amet is its first line.</p>", "placeholder_text"),
    ],
)
def test_what_an_article_is_about_is_no_leftover(title: str, keyword: str, html: str, code: str) -> None:
    assert code not in checked_as(title, keyword, html)
    assert code in checked_as("How to Make Bread at Home", "bread", html), "elsewhere it is"


def test_a_refusal_is_one_in_an_article_about_language_models_too() -> None:
    assert "refusal_text" in checked_as("Signs of Text by an AI", "ai text", "<p>As an AI language model, I cannot say.</p>")


def test_a_song_may_repeat_itself_without_being_marked_as_a_quotation() -> None:
    line = "Haul away, you rolling king, haul away"
    assert new_codes("en", f"<p>{'<br>'.join([line] * 8)}</p>") == {}
    assert "repetition" in new_codes("en", f"<p>{line}.</p>" * 5)


def test_white_text_is_hidden_only_where_its_ground_is() -> None:
    assert "hidden_text" not in new_codes("en", '<p style="background:#000;color:#fff">Seen.</p>')
    assert "hidden_text" in new_codes("en", '<p style="color: white">Not seen.</p>')


def test_headings_may_return_under_other_headings() -> None:
    html = (
        "<h2>Rye</h2><h3>Pros</h3><p>Fast.</p><h3>Cons</h3><p>Sticky.</p><h2>Wheat</h2><h3>Pros</h3><p>Easy.</p><h3>Cons</h3><p>Slow.</p>"
    )
    assert new_codes("en", html) == {}
    again = "<h2>Rye</h2><h3>Pros</h3><p>Fast.</p><h3>Pros</h3><p>Easy.</p>"
    assert new_codes("en", again) == {"duplicate_heading": "warning"}


def test_a_quotation_may_be_in_another_language_and_repeat_itself() -> None:
    line = "Das Brot ist gut und die Leute sind zufrieden mit dem, was sie haben, und das ist nicht wenig."
    assert new_codes("en", f"<blockquote>{f'<p>{line}</p>' * 5}</blockquote><p>So my aunt.</p>") == {}


def test_a_section_may_hold_nothing_but_code_or_a_picture() -> None:
    html = "<h3>Code</h3><pre><code>```\n{{ x }} **y** TODO: z\n```</code></pre><h3>Jar</h3><img src='/a.png' alt='A jar on a shelf'>"
    assert new_codes("en", html) == {}
