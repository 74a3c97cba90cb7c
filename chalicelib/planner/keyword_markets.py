"""Markets as keyword tools name them, brought to one code each."""

# ruff: noqa: E501
# fmt: off
_CODES = frozenset(
    " ".join(
        (
            "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca cc cd cf cg ch",
            "ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp",
            "gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk",
            "lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa",
            "pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf",
            "tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw",
        )
    ).split()
)
_NAMES = {
    "united states": "us", "united states of america": "us", "usa": "us", "u.s.": "us", "america": "us", "vereinigte staaten": "us", "états-unis": "us",
    "estados unidos": "us", "stati uniti": "us", "united kingdom": "uk", "great britain": "uk", "england": "uk", "gb": "uk", "vereinigtes königreich": "uk",
    "royaume-uni": "uk", "reino unido": "uk", "regno unito": "uk", "germany": "de", "deutschland": "de", "allemagne": "de", "alemania": "de", "france": "fr",
    "frankreich": "fr", "spain": "es", "españa": "es", "spanien": "es", "italy": "it", "italia": "it", "netherlands": "nl", "the netherlands": "nl",
    "nederland": "nl", "belgium": "be", "austria": "at", "österreich": "at", "switzerland": "ch", "schweiz": "ch", "suisse": "ch", "poland": "pl",
    "polska": "pl", "portugal": "pt", "ireland": "ie", "denmark": "dk", "danmark": "dk", "sweden": "se", "sverige": "se", "norway": "no", "norge": "no",
    "finland": "fi", "suomi": "fi", "czechia": "cz", "czech republic": "cz", "česko": "cz", "slovakia": "sk", "hungary": "hu", "romania": "ro",
    "bulgaria": "bg", "greece": "gr", "turkey": "tr", "türkiye": "tr", "russia": "ru", "россия": "ru", "ukraine": "ua", "canada": "ca", "mexico": "mx",
    "méxico": "mx", "brazil": "br", "brasil": "br", "argentina": "ar", "chile": "cl", "colombia": "co", "peru": "pe", "australia": "au",
    "new zealand": "nz", "india": "in", "pakistan": "pk", "bangladesh": "bd", "indonesia": "id", "malaysia": "my", "singapore": "sg", "philippines": "ph",
    "thailand": "th", "vietnam": "vn", "japan": "jp", "日本": "jp", "south korea": "kr", "korea": "kr", "대한민국": "kr", "china": "cn", "中国": "cn",
    "taiwan": "tw", "hong kong": "hk", "israel": "il", "south africa": "za", "nigeria": "ng", "kenya": "ke", "egypt": "eg", "saudi arabia": "sa",
    "united arab emirates": "ae",
}
# fmt: on
MARKET_CHARS = 60
_NO_MARKET = frozenset(("", "-", "n/a", "none", "null", "all", "any", "global", "worldwide", "world", "ww", "all countries"))


def market(text: str) -> str | None:
    """A market as one code: `us`, `uk` (also for `gb`), `de`; None for none or all. An unknown name is kept, in lower case."""
    name = text.strip().casefold().lstrip("=")
    if name in _NO_MARKET:
        return None
    name = name.removeprefix("mobile-").removesuffix("-ext").removesuffix("-mobile")
    return _NAMES.get(name, name[:MARKET_CHARS])


def market_code(text: str) -> str | None:
    """The market when `text` is a real two-letter code, else None; for guesses from file names."""
    code = text.casefold()
    return market(code) if code in _CODES or code == "gb" else None


def is_market(text: str) -> bool:
    """True for a country code or a country's name that we know."""
    return text in _NAMES or text in _CODES
