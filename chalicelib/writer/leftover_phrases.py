"""What language models and templates leave behind in a text, as patterns: refusals, talk with whoever asked, prompts, placeholders.

A pattern is as narrow as the phrase it stands for: an article about language models, templates or dummy text must not match by its subject.
Text in quotation marks, in `code` and in quotations is not searched at all (`check_leftovers`).
"""

# ruff: noqa: E501 - a pattern is read in one line
import re


def _any(*patterns: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


_A = "['\u2019]"  # either apostrophe
_MINE = r"(?:that|this|your|the requested|such)(?: kind of)?\b"

REFUSAL = _any(
    rf"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b(?: language)?(?: model| assistant| chatbot| system)?,? (?:i|my|i{_A}\w+)\b",
    r"\bas an ai language model, (?:it is|it['\u2019]s|there is)\b",
    rf"\bi(?:{_A}m| am) (?:so |very )?sorry,? but (?:i|as an|that request)\b",
    r"\bi apologi[sz]e,? but (?:i|as an)\b|\bi apologi[sz]e for (?:the|any) (?:confusion|inconvenience|misunderstanding)",
    rf"\bi (?:cannot|can{_A}t|can not|am unable to|am not able to|won{_A}t be able to|must decline to) (?:assist|comply|help) with {_MINE}",
    rf"\bi (?:cannot|can{_A}t|can not|am unable to|am not able to|won{_A}t|must decline to) (?:fulfil+|complete|process|generate|produce|create|write)"
    rf" (?:that|this|your|such) (?:request|content|article|text|type|kind|prompt)",
    rf"\bi(?:{_A}m| am) (?:unable|not able) to (?:generate|write|create|produce|assist|browse|access|fulfil+)\b",
    rf"\bi(?:{_A}m| am) (?:just |only |merely )?an? (?:ai|(?:large )?language model|ai (?:assistant|model|language model))(?=[.,;:!?]| and | so | without | that )",
    rf"\bi (?:do not|don{_A}t) have (?:personal (?:experiences?|opinions?|feelings|beliefs)|access to (?:real[- ]time|the internet|current|live))",
    rf"\bi(?:{_A}m| am) (?:unable|not able) to provide .{{0,60}}\bas an ai\b",
    r"\b(?:language model|ai|assistant) (?:trained|developed|made|created) by (?:openai|google|anthropic|meta|mistral),? i\b",
    rf"\bi (?:cannot|can{_A}t|am unable to) provide (?:that|this) (?:information|answer|content)\b",
    r"\bmy (?:knowledge cut-?off|training data|last (?:knowledge )?update)\b",
    r"\bas of my (?:last|latest|knowledge|training)\b",
    rf"\b(?:violates?|goes against|is against) (?:my|openai{_A}s|anthropic{_A}s) (?:\w+ )?(?:polic|guidelines|programming)",
    # German, French, Spanish, Portuguese, Dutch, Italian, Polish, Swedish
    r"\bals (?:\w+ ){0,2}?(?:ki|künstliche intelligenz|sprachmodell|ki-\w+),? (?:\w+ ){1,3}?(?:ich|mir)\b",
    r"\btut mir leid,? (?:aber )?(?:ich kann|das kann ich|dabei kann ich|ich darf)",
    r"\bich kann (?:dir |ihnen )?(?:dabei|bei dieser anfrage|diese anfrage|diesen artikel|diesen text) (?:leider )?nicht\b",
    r"\bleider kann ich (?:dir |ihnen )?(?:dabei|bei dieser|diese anfrage|diesen text|diesen artikel)",
    r"\bmeine trainingsdaten\b|\bmein wissensstand\b",
    r"\ben tant (?:qu['\u2019](?:ia|intelligence artificielle|assistante? (?:ia|virtuelle?))|que mod[eè]le (?:de langage|linguistique)|qu['\u2019]un mod[eè]le de langage)"
    r"[\w ]{0,20},? (?:je\b|j['\u2019])",
    r"\bje suis désolée?,? mais je ne (?:peux|puis|suis)",
    r"\bje ne (?:peux|suis) pas (?:en mesure de |vous )?(?:vous )?(?:aider (?:avec|à) (?:cela|ça|cette|votre)|répondre à (?:cette|votre) demande)",
    r"\bcomo (?:un |una )?(?:modelo de lenguaje|inteligencia artificial|ia|asistente (?:de ia|virtual))[\w ]{0,20},? (?:yo )?(?:no )?(?:puedo|tengo|soy|dispongo)\b",
    r"\blo siento,? (?:pero )?no puedo\b",
    r"\bno puedo (?:ayudarte|ayudarle|cumplir|completar|ayudar) con (?:eso|esa|ese|esta|este|tu|su)\b",
    r"\bcomo (?:um |uma )?(?:modelo de linguagem|intelig[eê]ncia artificial|ia|assistente (?:de ia|virtual))[\w ]{0,20},? (?:eu )?(?:não )?(?:posso|tenho|sou|consigo)\b",
    r"\b(?:desculpe|lamento|sinto muito),? (?:mas )?(?:eu )?não (?:posso|consigo) (?:ajudar|atender|escrever|fazer|cumprir)",
    r"\bals (?:een )?(?:ai|taalmodel|ai-\w+)(?: taalmodel)?,? (?:kan|heb|ben|mag|beschik) ik\b",
    r"\b(?:het spijt me|sorry),? (?:maar )?(?:ik kan|daar kan ik|dat kan ik) (?:\w+ ){0,3}?niet\b",
    r"\bcome (?:modello (?:di linguaggio|linguistico)|intelligenza artificiale|ia|assistente (?:ia|virtuale))[\w ]{0,20},? (?:io )?(?:non )?(?:posso|ho|sono)\b",
    r"\bmi dispiace,? (?:ma )?non posso\b",
    r"\bjako (?:model językowy|sztuczna inteligencja|ai),? (?:\w+ ){0,2}?(?:nie )?(?:mogę|mam|jestem)\b|\bprzykro mi,? (?:ale )?nie mogę\b",
    r"\bsom (?:en )?(?:ai|språkmodell|ai-\w+),? (?:kan|har) jag\b",
)  # fmt: skip

_TO_FILL = (
    # English, German, French, Spanish, Portuguese, Dutch, Italian: the word a bracket to be filled in begins with
    r"insert|your|add|enter|placeholder|company|brand|business|name|link|image|photo|todo|tbd|keyword|city|product|date|author|source|citation|number|price"
    r"|ihre?n?|dein(?:e|en)?|hier|name|firma|firmenname|unternehmen|stadt|datum|quelle|link|bild"
    r"|votre|vos|nom|insérer|ajouter|entreprise|ville|lien|tu|su|nombre|insertar|añadir|empresa|ciudad|enlace"
    r"|seu|sua|nome|inserir|cidade|uw|jouw|naam|bedrijf|bedrijfsnaam|stad|invoegen|inserisci|il tuo|azienda|città"
)
PLACEHOLDERS = (
    _any(
        r"\blorem ipsum dolor\b",
        r"\bdolor sit amet\b",
        r"\byour (?:company|brand|business|product) name(?: here)?\b",
        r"\b(?:company|brand|product|business) name here\b",
    ),
    _any(r"\b(?:content|text|image|article|copy|intro(?:duction)?) goes here\b", r"\bthis is placeholder\b", r"^placeholder(?: text)?\.?$", flags=re.I | re.M),
    _any(r"^lorem ipsum\b(?!\s+(?:is|was|has|are|text|comes?|generators?|remains?|looks?|began|started|ist|war|est|es|foi|é)\b)", flags=re.I | re.M),
    _any(
        rf"\[(?:{_TO_FILL}|voeg|vul|\w+name)\b[^\]\n]{{0,100}}\]",
        r"\[(?:\w+ )?(?:hyperlink|link|image|photo|video|cta|button|quote|statistic|source|anchor text)\b[^\]\n]{0,100}\]",
        r"<(?:insert|your|enter|add) [^<>\n]{1,40}>",
        r"[$\u20ac\u00a3] ?XX+\b|\bXX+(?:[.,]XX+)? ?[%\u20ac$\u00a3]|\bXX[.,]XX\b",
        r"^(?:coming soon|more to come|to be (?:added|completed|written|determined|announced))[.!\u2026]*$",
        r"\bnote to (?:self|(?:the )?(?:editor|writer|author))\s*:",
        r"\bhier (?:text|bild|link|name|titel) einfügen\b|^(?:tu|su) (?:empresa|marca|texto|nombre) aquí|^votre (?:texte|nom|entreprise) ici|^seu (?:texto|nome) aqui",
        flags=re.IGNORECASE | re.MULTILINE,
    ),
    _any(r"\{\{.{0,80}?\}\}", r"\{%.{0,80}?%\}", r"\$\{\w+\}", r"%[A-Z_]{4,}%", r"%%\w+%%", r"\{(?:title|\w*keyword|name|city|brand|topic|company|year)\}", flags=0),
    _any(r"\bTODO\s*[:(\]]", r"^TODO\.?$", r"^TODO\b\s*[-\u2013\u2014:]?\s*(?:add|write|insert|check|fix|update|replace|finish|expand|describe|link)\b", r"\bTBD\b", r"\bFIXME\b", flags=re.M),
    _any(r"\bX{4,}\b", r"(?:^|\s)(?!siglo|si\u00e8cle|secolo|s\u00e9culo|cap|chap|vol|act|part|psalm|bowl)[a-z\u00e0-\u00ff]+ XXX\b", r"\bXXX ?(?:\u20ac|Euro|euros?|EUR|USD|%)", flags=0),
    _any(r"\b(?:company|brand|product|firma|marke|empresa|marca|bedrijf|entreprise) XYZ\b", r"\b(?:XYZ|ABC) (?:company|corp(?:oration)?|inc|ltd|gmbh|brand|product|agency|store|shop)\b"),
    _any(r"\b(?:at|by|from|bei|von|chez) XYZ\b(?! (?:axis|axes|coordinates?|space|file|format|plane|data))", flags=0),
    _any(r"\bINSERT[ _][A-Z]+(?:[ _][A-Z]+){0,5}\b", r"\b(?:KEYWORD|LINK|URL|IMAGE|NAME|TEXT)_?HERE\b", r"\b[A-Z]+_PLACEHOLDER\b|\bPLACEHOLDER_[A-Z]+\b", flags=0),
    _any(r"\(insert (?:[\w-]+ ){0,4}?(?:here|link|image|name|photo|quote)\)", r"\(hier (?:[\w-]+ ){0,3}?einfügen\)"),
)  # fmt: skip

CHAT_START = _any(
    r"(?:sure|certainly|of course|absolutely)(?: thing)?!",
    rf"(?:sure(?: thing)?|certainly|of course|absolutely|great|okay|ok|alright)[,.:!]+ (?:here|below|i{_A}(?:ve|ll|d)|i (?:have|will|can)|let me)\b",
    rf"here(?:{_A}s| is) (?:the|your) (?:[\w-]+ ){{0,5}}?(?:article|draft|html|content|blog post|(?:revised|updated|final|improved|rewritten) version)\b",
    rf"here(?:{_A}s| is) an? (?:[\w-]+ ){{0,5}}?(?:article|draft|blog post) (?:about|on|for|that|optimi|written|of \d)",
    r"below is (?:the|your|an?) (?:[\w-]+ ){0,5}?(?:article|draft|html|blog post|(?:revised|updated|final) version)\b",
    r"as (?:you )?requested,",
    rf"i(?:{_A}ve| have) (?:written|created|drafted|prepared|revised|rewritten|updated) (?:the|your|this|an?) (?:[\w-]+ ){{0,4}}?(?:article|draft|post|content)\b",
    r"(?:gerne?|natürlich|selbstverständlich|klar|sicher)(?: doch)?[!,.:]+ (?:hier|nachfolgend|im folgenden|anbei|ich)\b",
    r"hier (?:ist|folgt|kommt) (?:der|dein|ihr|die|das) (?:[\w-]+ ){0,4}?(?:artikel|beitrag|entwurf|blogbeitrag|überarbeitete version)\b",
    r"(?:bien s[uû]r|certainement|d['\u2019]accord|avec plaisir|absolument)\s*[!,.:]+ (?:voici|je|ci-dessous)\b",
    r"voici (?:l['\u2019]article|votre article|un article (?:complet|optimisé|sur|de \d)|le brouillon)",
    r"\u00a1?(?:claro|por supuesto|desde luego|con gusto)(?: que sí)?\s*[!,.:]+ (?:aquí|a continuación)\b",
    r"aquí (?:tienes|está|tiene) (?:el|un|tu|su) (?:[\w-]+ ){0,4}?(?:artículo|borrador|texto|contenido)\b",
    r"(?:claro|com certeza|certamente|com prazer)\s*[!,.:]+ (?:aqui|segue|abaixo|eis)\b",
    r"(?:aqui está|segue(?: abaixo)?|eis) (?:o|um|seu) (?:[\w-]+ ){0,4}?(?:artigo|rascunho|texto|conteúdo)\b",
    r"(?:natuurlijk|zeker|uiteraard|graag)\s*[!,.:]+ (?:hier|hieronder|ik)\b",
    r"hier(?:onder)? (?:is|vind je|volgt|staat) (?:het|je|een|uw) (?:[\w-]+ ){0,4}?(?:artikel|concept|blogpost)\b",
    r"(?:certo|certamente|volentieri|naturalmente)\s*[!,.:]+ (?:ecco|di seguito)\b",
    r"ecco (?:l['\u2019]articolo|il tuo articolo|un articolo (?:completo|ottimizzato|su)|la bozza)",
)  # fmt: skip
CHAT_END = _any(
    rf"let me know if you(?:{_A}d| would)? (?:like|want|need) (?:me|any)\b(?!.{{0,80}}\bcomment)",
    r"(?:would|do) you (?:like|want) me to\b",
    r"i hope this (?:helps\b|meets|was helpful|article (?:helps|meets))",
    r"feel free to ask (?:me|if you)",
    r"if you (?:need|want|would like) (?:any )?(?:further|more|additional) (?:changes|revisions|adjustments|edits|modifications)",
    r"this (?:article|draft|post) (?:meets|fulfils|fulfills|follows|satisfies) (?:the|your|all) (?:\w+ )?(?:brief|requirements|guidelines)",
    r"\bword count: ?~?\d+",
    r"\bich hoffe,? (?:das|dies) hilft",
    r"(?:bescheid|wissen),? (?:wenn|falls|ob) (?:du|sie) (?:noch )?(?:änderungen|weitere|anpassungen)",
    r"möchte(?:n sie|st du),? dass ich\b",
    r"(?:souhaitez|voulez|veux)[- ](?:vous|tu) que je\b",
    r"j['\u2019]espère que (?:cela|cet article) (?:vous )?(?:aide|répond|convient)",
    r"(?:quieres|quiere|te gustaría|le gustaría|deseas?) que (?:te |le )?(?:lo |la )?(?:ajuste|modifique|amplíe|escriba|añada|haga|adapte)",
    r"espero que (?:esto|este artículo) (?:te |le )?(?:ayude|sea útil|cumpla)",
    r"(?:quer|gostaria|deseja|gostarias) que eu\b",
    r"espero que (?:isto|isso|este artigo) (?:ajude|atenda|seja útil)",
    r"\b(?:wil je|wilt u) dat ik\b",
    r"laat (?:het )?(?:me|mij) (?:het )?weten (?:als|of) (?:je|u) (?:nog |verdere )?(?:wijzigingen|aanpassingen)",
    r"ik hoop dat dit (?:artikel )?(?:helpt|voldoet)",
    r"(?:vuoi|vorresti|desidera) che (?:io |lo |la )?(?:modifichi|scriva|aggiunga|adatti)",
    r"spero che questo (?:articolo )?(?:sia utile|ti sia utile|ti aiuti)",
)  # fmt: skip

PROMPT = _any(
    r"(?:^|[.!?:] )you are an? (?:[\w,-]+ ){0,5}?(?:content writer|seo writer|copywriter|writing assistant|helpful assistant|ai assistant|seo expert|content strategist|blog writer)\b",
    r"\bignore (?:all |any )?(?:of )?(?:the |your )?(?:previous|prior|above|earlier) (?:instructions|prompts?)\b",
    r"<\|(?:im_start|im_end|endoftext|eot_id|system|user|assistant)[^|\n]{0,40}\|>|\[/?INST\]",
    r"^(?:human|assistant|chatgpt said|system prompt|user prompt)\s*:",
    r"^#{2,3} ?(?:instructions?|response)\s*:",
    r"\bregenerate response\b",
    flags=re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
# The same in an article on search engines or writing would be its subject.
BRIEF = _any(
    r"^write an? (?:[\w,'-]+ ){0,7}?(?:article|blog post|guide|post) (?:about|on|titled|targeting|for the keyword|optimi)",
    r"^(?:(?:primary|focus|target|main|secondary) keywords?|meta[- ]?(?:title|description)|seo[- ]title|title tag|url slug|slug|word count|search intent|target audience|h[1-6])\s*[:=] ?\S",
    r"^(?:haupt-?keyword|fokus-?keyword|meta-?(?:titel|beschreibung)|suchintention|wort(?:an)?zahl)\s*: ?\S",
    r"^(?:mot[- ]clé principal|méta[- ]?(?:titre|description)|titre seo|nombre de mots)\s*: ?\S",
    r"^(?:palabra clave(?: principal)?|meta ?(?:título|descripción)|título seo|recuento de palabras)\s*: ?\S",
    r"^(?:palavra-chave(?: principal)?|meta ?(?:título|descrição)|contagem de palavras)\s*: ?\S",
    r"^(?:(?:hoofd)?zoekwoord|metatitel|metabeschrijving|aantal woorden)\s*: ?\S",
    r"^(?:parola chiave(?: principale)?|meta ?(?:titolo|descrizione)|numero di parole)\s*: ?\S",
    flags=re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
ABOUT_WRITING = _any(
    r"\b(?:seo|keywords?|content|copywrit\w*|blog\w*|writ\w+|prompts?|meta|marketing|snippets?|chatgpt|schreib\w*|rédaction|redacción|redação)\b"
)
ABOUT_TEMPLATES = _any(
    r"\b(?:templates?|samples?|vorlagen?|muster\w*|modèles?|plantillas?|modelos?|sjabloo?n\w*|voorbeeld\w*|modell[oi]|letters?|placeholders?)\b",
    r"\b(?:variables?|mail merge|jinja|handlebars|mustache|liquid|twig|merge tags?|regex|regular expressions?)\b",
)
ABOUT_AI = _any(r"\b(?:ai|ki|ia|chatgpt|chatbots?|llms?|language models?|sprachmodelle?|künstliche intelligenz|artificial intelligence)\b")
ABOUT_MARKDOWN = _any(r"\bmarkdown\b")
ABOUT_JSON = _any(r"\b(?:json|json-ld|schema|structured data|apis?)\b")
ABOUT_HTML = _any(r"\b(?:html5?|css|markup|tags?|entit(?:y|ies)|xss|cross-site scripting|web develop\w+)\b")

MACHINE_CITATION = _any(
    r"\u3010[^\u3011\n]{0,60}\u2020[^\u3011\n]{0,60}\u3011",
    r"contentReference\[oaicite:",
    r"\boaicite:\d",
    r"\bturn\d+(?:search|view|news|image|fetch)\d+",
    flags=0,
)
PROGRAM = _any(
    r"\[object Object\]",
    r"Traceback \(most recent call last\)",
    r"<\?php",
    r"\bundefined undefined\b",
    r"%!s\(",
    r"\bNullPointerException\b",
    r"^(?:null|undefined|NaN)\.?$",
    r"\bNaN ?(?:g|kg|grams|%|\u20ac|\$|euros?|minutes|hours)\b",
    flags=re.MULTILINE,
)
CONTACT = _any(
    r"\(?\b555\)?[ .-](?:\d{3}[ .-]\d{4}|01\d\d)\b|\b123[ .-]456[ .-]7890\b",
    r"\b[\w.+-]{1,64}@(?:example|your-?\w+|domain|e?mail|company|website|test)\.(?:com|org|net|de|es|fr|nl|it)\b",
    r"\bMustermann\b|\bMusterstra(?:ß|ss)e\b|\bMusterstadt\b|\bMusterfirma\b|\bAnytown\b|\b123 Main St",
)
SECRET = _any(
    r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}",
    r"\bAKIA(?!\w*EXAMPLE)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bxox[abp]-[\w-]{10,}",
    r"\bAIza[\w-]{35}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\beyJ[\w-]{10,900}\.eyJ[\w-]{10,900}\.[\w-]{10}",
    flags=0,
)  # fmt: skip
MARKDOWN = _any(
    r"^\s*#{1,6} \S",
    r"\*\*[^*\n]{1,120}\*\*",
    r"(?<![\w.])__[^_\n]{1,80} [^_\n]{1,80}__(?!\w)",
    r"!?\[[^\]\n]{0,80}\]\((?:https?:|/|#)",
    r"^\s*[-*] \S",
    r"^\|.*\|\s*$",
    r"^\s*(?:-{3,}|\*{3,})\s*$",
    flags=re.MULTILINE,
)
JSON = _any(
    r'"(?:html|content|meta_title|meta_description|title|faq|outline|excerpt)"\s*:', r'\A\s*[{\[]\s*"', r'"\s*[}\]]\s*,?\s*\Z', flags=0
)
ESCAPED_BREAK = _any(r"\\n\s*\\n", r"\\n(?=[A-Z<#])", r"\\u00[0-9a-f]{2}", r"\\\"", flags=0)
ESCAPED_MARKUP = _any(
    r"</?(?:p|h[1-6]|strong|em|b|i|div|span|ul|ol|li|a|br|table|img)\b[^<>]*>",
    r"&(?:amp|lt|gt|quot|apos|nbsp|[a-z]?dash|hellip|[lr][sd]quo|[aouAOU]uml|szlig|[a-zA-Z](?:acute|grave|circ|tilde|cedil)|euro|#\d{2,5}|#x[0-9a-f]{2,4});",
)  # fmt: skip


def _misread(character: str) -> str:
    """How a character looks whose UTF-8 was read as Windows-1252 ('' when it cannot be)."""
    encoded = character.encode()
    try:
        return encoded.decode("cp1252")
    except UnicodeDecodeError:
        return encoded.decode("latin-1")


_LIKELY = "".join(map(chr, [*range(0xA1, 0x180), *range(0x2010, 0x2027), 0x2030, 0x2039, 0x203A, 0x20AC, 0x2122]))
_CYRILLIC = "|".join(sorted({re.escape(_misread(chr(n))) for n in range(0x410, 0x450)}))
MOJIBAKE = re.compile("|".join([*sorted({re.escape(_misread(one)) for one in _LIKELY}), f"(?:{_CYRILLIC}){{3}}", "\ufffd", "\u00c2\u00a0"]))
