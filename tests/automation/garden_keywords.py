"""A large keyword file of a niche of its own: what people ask about growing vegetables, by plant, problem, tool and place."""

PLANTS = (
    "tomatoes", "cucumbers", "zucchini", "carrots", "potatoes", "sweet potatoes", "onions", "garlic", "leeks", "lettuce", "spinach", "kale",
    "broccoli", "cauliflower", "cabbage", "brussels sprouts", "bell peppers", "chili peppers", "eggplants", "pumpkins", "beetroot",
    "radishes",
    "green beans", "peas", "sweet corn", "strawberries", "raspberries", "blueberries", "rhubarb", "basil", "mint", "rosemary", "parsley",
    "coriander", "asparagus", "artichokes", "celery", "chard", "turnips", "fennel",
)  # fmt: skip
OF_PLANTS = (
    "how to grow {}", "when to plant {}", "growing {} in pots", "best fertilizer for {}", "how often to water {}", "how to harvest {}",
    "companion plants for {}", "{} pests and diseases", "growing {} from seed", "spacing for {}", "best soil for {}", "how to store {}",
)  # fmt: skip
SUBJECTS = (
    "raised beds", "compost bins", "greenhouses", "polytunnels", "drip irrigation", "rain barrels", "mulch", "cold frames", "grow lights",
    "seed trays", "vertical gardens", "wheelbarrows", "garden forks", "pruning shears", "slug repellent", "aphid control", "weed killer",
    "leaf mould", "worm farms", "garden fleece", "trellises", "hoses and reels", "soil testing kits", "lawn edging",
)  # fmt: skip
OF_SUBJECTS = (
    "best {}", "cheap {}", "{} for beginners", "{} ideas for small gardens", "how to use {}", "are {} worth it", "diy {}", "{} reviews",
    "{} near me", "{} for vegetables",
)  # fmt: skip


def keywords() -> list[str]:
    """720 keywords, each once."""
    found = [ask.format(plant) for plant in PLANTS for ask in OF_PLANTS] + [ask.format(one) for one in SUBJECTS for ask in OF_SUBJECTS]
    return list(dict.fromkeys(found))
