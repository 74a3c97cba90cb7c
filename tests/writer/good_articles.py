"""Articles without a fault, which the checks must pass and into which the tests plant faults."""

from pathlib import Path
from typing import Any

COLD_BREW = """
<p>Cold brew coffee is the easiest coffee you can make at home. You need a jar, a filter and one night of patience. The only thing
people get wrong is the cold brew coffee ratio, so this guide starts there and then walks through the steps, the beans and the
storage.</p>
<h2>Which cold brew coffee ratio should you use?</h2>
<p>For a drink you can pour straight over ice, weigh one part of coffee to eight parts of water. A litre of water then takes 125
grams of grounds. If you would rather keep a concentrate in the fridge, go down to one part in four and dilute each glass by
half.</p>
<p>Scales matter more than gadgets here. A scoop of a light roast weighs more than a scoop of a dark one, because dark beans lose
water and swell in the roaster. Two grams more or less will not ruin a jar, but twenty will.</p>
<table><thead><tr><th>Style</th><th>Coffee</th><th>Water</th></tr></thead><tbody><tr><td>Ready to drink</td><td>125 g</td><td>1
litre</td></tr>
<tr><td>Concentrate</td><td>250 g</td><td>1 litre</td></tr></tbody></table>
<h2>Steps for a clean jar</h2>
<p>Grind as coarse as your grinder allows. Fine powder slips through every filter and leaves mud at the bottom of the glass.</p>
<ol><li>Put the grounds in a clean jar.</li><li>Pour in cold water slowly and stir once.</li><li>Cover the jar and leave it in the
fridge for sixteen hours.</li><li>Filter it twice, first through a sieve and then through paper.</li></ol>
<h3>What if it tastes weak?</h3>
<p>Give it four more hours before you add coffee. Time is cheaper than beans, and a longer steep adds body without much
bitterness. When that does not help, grind a little finer next time.</p>
<h2>Best beans for cold brew</h2>
<p>Medium roasts from Brazil or Colombia give chocolate and nuts, which most guests like. Bright African coffees turn flat in cold
water, since the acids that make them sparkle hardly dissolve below room temperature. Buy whole beans and check the
<a href="/coffee-roast-dates">roast date</a> on the bag.</p>
<h2>How long does cold brew last in the fridge?</h2>
<p>A filtered concentrate keeps for about ten days in a closed bottle. Once it is diluted, drink it within two. Sour smells or a
film on the surface mean that it has to go.</p>
<h2>Frequently asked questions</h2>
<h3>Does cold brew have more caffeine than hot coffee?</h3>
<p>A glass of undiluted concentrate does. After dilution the caffeine content is close to that of a normal filter coffee.</p>
<h3>Can I heat it?</h3>
<p>Yes, gently. Warm it in a small pan and stop before it simmers, or add hot water to the concentrate.</p>
"""

FRENCH_PRESS = """
<p>A French press rewards small habits. Anyone can make a good pot with it, and anyone can make a gritty one. Below you will find
how to use a French press without the grit, along with the few rules that are worth keeping.</p>
<h2>How to use a French press, step by step</h2>
<p>Warm the glass with hot water first. Cold glass takes ten degrees from the brew, and that alone explains many dull cups.</p>
<ul><li>Weigh thirty grams of coarse grounds for half a litre.</li><li>Pour the water just off the boil.</li><li>Wait four
minutes, then break the crust with a spoon.</li><li>Skim the foam and press down gently</li></ul>
<h2>Why the grind decides everything</h2>
<p>The metal filter holds back only what is bigger than its mesh. A burr mill gives even pieces, while a blade leaves dust next to
boulders. The dust goes through the mesh and ends up in your cup.</p>
<h2>Cleaning it in a minute</h2>
<p>Scoop the wet grounds into the compost, not the sink. Unscrew the plunger once a week; oils hide between the plates and turn
rancid there.</p>
<p><a href="https://shop.coffeehouse.net/french-press">See all our French presses</a></p>
"""

KAFFEE = """
<p>Wer seine Kaffeebohnen richtig lagern will, braucht weder teure Dosen noch einen Weinkeller. Es reichen ein dunkler Schrank,
ein dichter Behälter und die Bereitschaft, lieber öfter kleine Mengen zu kaufen.</p>
<h2>Kaffeebohnen lagern: worauf es ankommt</h2>
<p>Luft, Licht, Wärme und Feuchtigkeit sind die vier Feinde des Aromas. Die Bohne ist nach dem Rösten porös und nimmt Gerüche aus
der Umgebung schnell an. Deshalb gehört sie nicht offen neben die Gewürze.</p>
<h3>Gehört Kaffee in den Kühlschrank?</h3>
<p>Nein, denn dort schlägt sich bei jedem Öffnen Wasser auf den kalten Bohnen nieder. Wer einen großen Vorrat hat, friert ihn in
Portionen ein und taut nur auf, was in einer Woche getrunken wird.</p>
<h2>Wie lange bleiben die Bohnen frisch?</h2>
<p>Ungeöffnet halten sie mehrere Monate. Nach dem Öffnen schmecken sie etwa vier Wochen lang so, wie der Röster es wollte, und
werden dann langsam flacher.</p>
"""

GOOD: dict[str, dict[str, Any]] = {
    "cold brew": {
        "html": COLD_BREW,
        "title": "The Right Cold Brew Coffee Ratio, Step by Step",
        "primary_keyword": "cold brew coffee ratio",
        "keywords": [
            "cold brew coffee ratio",
            "best beans for cold brew",
            "how long does cold brew last in the fridge",
            "cold brew caffeine content",
        ],
        "word_count": 420,
        "meta_title": "Cold Brew Coffee Ratio: A Simple Guide",
        "meta_description": "How much coffee and water to use, how long to steep and which beans to buy: "
        "the cold brew coffee ratio explained for every jar.",
        "language": "en",
    },
    "french press": {
        "html": FRENCH_PRESS,
        "title": "How to Use a French Press Without the Grit",
        "primary_keyword": "how to use a french press",
        "keywords": ["how to use a french press", "how to clean french press"],
        "word_count": 230,
        "meta_title": "How to Use a French Press Without Grit",
        "meta_description": "A short guide to using a French press: the right grind, "
        "the right time and a way of pressing that leaves the grit in the pot.",
        "language": "English",
    },
    "kaffee": {
        "html": KAFFEE,
        "title": "Kaffeebohnen richtig lagern: so bleibt das Aroma",
        "primary_keyword": "kaffeebohnen lagern",
        "keywords": ["kaffeebohnen lagern", "kaffee kühlschrank"],
        "word_count": 150,
        "meta_title": "Kaffeebohnen lagern: so bleibt das Aroma",
        "meta_description": "Luft, Licht, Wärme und Feuchtigkeit schaden den Bohnen. "
        "Wie sich Kaffeebohnen lagern lassen, damit sie wochenlang frisch schmecken.",
        "language": "de-AT",
    },
}


def _read(path: Path) -> dict[str, Any]:
    """An article file: lines of `name: value`, an empty line, the HTML."""
    head, _, html = path.read_text(encoding="utf-8").partition("\n\n")
    fields: dict[str, Any] = dict(line.split(": ", 1) for line in head.splitlines())
    return {**fields, "html": html, "keywords": fields["keywords"].split("; "), "word_count": int(fields["word_count"])}


ARTICLES: dict[str, dict[str, Any]] = {path.stem: _read(path) for path in sorted((Path(__file__).parent / "articles").glob("*.html"))}
