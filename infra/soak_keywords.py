"""A keyword file of a thousand rows for `make soak`: ten niches of fifteen subjects each, the same rows every time."""

import csv
import io
import random
from collections.abc import Iterator

SEED = 20_261_120
# niche -> what its subjects are (a thing to buy, a craft to learn, a trouble to mend) and the subjects
NICHES: dict[str, tuple[str, tuple[str, ...]]] = {
    "kitchen": (
        "thing",
        (
            "cast iron skillet", "rice cooker", "stand mixer", "pressure cooker", "chef knife", "sous vide machine",
            "air fryer", "dutch oven", "food dehydrator", "pasta maker", "salad spinner", "immersion blender",
            "waffle iron", "bread machine", "wok",
        ),
    ),
    "garden": (
        "craft",
        (
            "growing tomatoes", "pruning roses", "composting", "raised bed gardening", "growing garlic",
            "lawn aeration", "rainwater harvesting", "growing lavender", "container gardening", "greenhouse heating",
            "seed saving", "growing blueberries", "mulching", "beekeeping", "grafting fruit trees",
        ),
    ),
    "travel": (
        "thing",
        (
            "carry on luggage", "travel insurance", "packing cubes", "noise cancelling headphones", "travel pillow",
            "hiking backpack", "portable charger", "travel adapter", "rooftop tent", "camping stove", "sleeping bag",
            "passport wallet", "snorkel set", "travel stroller", "water filter bottle",
        ),
    ),
    "home repair": (
        "trouble",
        (
            "leaking faucet", "clogged drain", "squeaky floorboards", "cracked plaster", "running toilet",
            "drafty windows", "peeling paint", "loose door hinge", "damp basement", "noisy radiator",
            "tripping breaker", "rusty gutters", "sagging shelf", "mouldy grout", "stuck sash window",
        ),
    ),
    "music": (
        "craft",
        (
            "playing the ukulele", "reading sheet music", "singing harmony", "drum practice", "piano scales",
            "guitar fingerpicking", "mixing vocals", "ear training", "violin vibrato", "songwriting", "beat making",
            "saxophone embouchure", "choir conducting", "harmonica bending", "banjo rolls",
        ),
    ),
    "fitness": (
        "craft",
        (
            "kettlebell training", "marathon training", "yoga for back pain", "calisthenics", "indoor cycling",
            "trail running", "rowing technique", "stretching hamstrings", "swimming freestyle", "olympic weightlifting",
            "pilates reformer", "jump rope workout", "rock climbing grip", "tai chi", "nordic walking",
        ),
    ),
    "pets": (
        "trouble",
        (
            "cat scratching furniture", "dog pulling on leash", "rabbit not eating", "parrot feather plucking",
            "aquarium algae", "puppy biting", "cat hairballs", "dog separation anxiety", "hamster escaping",
            "horse cribbing", "tortoise shell rot", "dog shedding", "kitten litter training", "guinea pig mites",
            "goldfish swim bladder",
        ),
    ),
    "software": (
        "thing",
        (
            "password manager", "invoice software", "note taking app", "project management tool",
            "email marketing platform", "video editing software", "website builder", "time tracking app",
            "cloud backup", "antivirus", "crm for freelancers", "online whiteboard", "vpn service", "podcast hosting",
            "help desk software",
        ),
    ),
    "money": (
        "craft",
        (
            "budgeting on one income", "index fund investing", "paying off credit cards", "saving for a house",
            "tax deductions for freelancers", "building credit", "retirement planning", "emergency fund",
            "negotiating salary", "dividend investing", "refinancing a mortgage", "estate planning",
            "currency exchange", "rental property investing", "student loan repayment",
        ),
    ),
    "crafts": (
        "thing",
        (
            "sewing machine", "knitting needles", "pottery wheel", "wood lathe", "soldering iron", "embroidery hoop",
            "resin kit", "3d printer", "leather punch", "screen printing press", "candle making kit", "origami paper",
            "calligraphy pen", "airbrush compressor", "loom",
        ),
    ),
}  # fmt: skip
FORMS: dict[str, tuple[tuple[str, str], ...]] = {
    "thing": (
        ("best {}", "commercial"),
        ("{} reviews", "commercial"),
        ("{} price", "transactional"),
        ("how to use a {}", "informational"),
        ("{} for beginners", "informational"),
        ("how to clean a {}", "informational"),
        ("cheap {}", "transactional"),
    ),
    "craft": (
        ("{} for beginners", "informational"),
        ("how to start {}", "informational"),
        ("{} tips", "informational"),
        ("{} mistakes", "informational"),
        ("{} guide", "informational"),
        ("{} checklist", "informational"),
        ("{} course", "transactional"),
    ),
    "trouble": (
        ("how to fix {}", "informational"),
        ("{} causes", "informational"),
        ("how to stop {}", "informational"),
        ("{} remedies", "informational"),
        ("cost to fix {}", "commercial"),
        ("{} at night", "informational"),
        ("why {}", "informational"),
    ),
}


def keyword_file(rows: int) -> bytes:
    """A CSV of so many keywords, those of every subject in turn, with volume, difficulty and intent. Raises: ValueError for more than
    there are."""
    drawn = random.Random(SEED)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("keyword", "volume", "difficulty", "intent"))
    written = 0
    for keyword, intent in _keywords():
        if written == rows:
            break
        writer.writerow((keyword, round(10 ** drawn.uniform(1, 4.5)) // 10 * 10, drawn.randrange(5, 90), intent))
        written += 1
    if written < rows:
        raise ValueError(f"there are only {written} keywords")
    return text.getvalue().encode()


def _keywords() -> Iterator[tuple[str, str]]:
    """Form by form over all subjects, so that fewer rows have fewer keywords of every subject."""
    for at in range(7):
        for kind, subjects in NICHES.values():
            form, intent = FORMS[kind][at]
            for subject in subjects:
                yield form.format(subject), intent
