"""From which cosine on an embedding model takes two searches for one: measured on pairs whose answer is known, as every model has a
scale of its own (unrelated texts are near 0 for one model, near 0.7 for another)."""

from collections.abc import Callable, Sequence
from typing import Any

# One search in two wordings.
SAME = (
    ("best noise cancelling headphones", "top noise cancelling headphones"),
    ("how to unclog a drain", "unclogging a drain: what works"),
    ("cheap flights to lisbon", "affordable flights to lisbon"),
    ("how to cook quinoa", "cooking quinoa step by step"),
    ("standing desk benefits", "the benefits of a standing desk"),
    ("kettlebell workout for beginners", "beginner kettlebell workout"),
    ("how much does a roof cost", "roof replacement cost"),
    ("wordpress vs wix", "wix vs wordpress"),
    ("what is a heat pump", "heat pumps explained"),
    ("how long to boil eggs", "boiling eggs: how many minutes"),
    ("best laptops for students", "the best student laptops"),
    ("how to fix a leaking tap", "repairing a leaking tap"),
    ("things to do in porto", "what to do in porto"),
    ("gluten free bread recipe", "how to make gluten free bread"),
    ("baby sleep schedule", "newborn sleep schedule by age"),
    ("how to remove red wine stains", "getting red wine stains out"),
    ("seo checklist for new websites", "new website seo checklist"),
    ("is creatine safe", "creatine safety and side effects"),
    ("electric bike range", "how far can an electric bike go"),
    ("netflix alternatives", "best alternatives to netflix"),
)
# Searches as near to each other as two articles may be: one subject, two questions, or one question about two subjects.
DIFFERENT = (
    ("best noise cancelling headphones", "best running headphones"),
    ("how to unclog a drain", "how to clean a shower head"),
    ("cheap flights to lisbon", "cheap hotels in lisbon"),
    ("how to cook quinoa", "how to cook lentils"),
    ("standing desk benefits", "best standing desk"),
    ("kettlebell workout for beginners", "dumbbell workout for beginners"),
    ("how much does a roof cost", "how to repair a roof"),
    ("wordpress vs wix", "wordpress vs squarespace"),
    ("what is a heat pump", "heat pump installation"),
    ("how long to boil eggs", "how long to boil potatoes"),
    ("best laptops for students", "best laptops for video editing"),
    ("how to fix a leaking tap", "how to replace a kitchen tap"),
    ("things to do in porto", "where to stay in porto"),
    ("gluten free bread recipe", "gluten free cake recipe"),
    ("baby sleep schedule", "baby feeding schedule"),
    ("how to remove red wine stains", "how to remove grass stains"),
    ("seo checklist for new websites", "what is technical seo"),
    ("is creatine safe", "when to take creatine"),
    ("electric bike range", "electric bike battery charging"),
    ("netflix alternatives", "netflix price"),
)
LEAST_QUALITY = 0.8  # F0.5 on these pairs; a model that tells them apart worse than that decides nothing
_BETA_SQUARED = 0.25  # F0.5: a good idea refused weighs more than two that compete

_measured: dict[str, float | None] = {}


def same_from(model: str, sentences: Callable[[Sequence[str]], Any]) -> float | None:
    """The least cosine of one search in two wordings; None for a model that cannot tell. Measured once in a process.

    model: its name; sentences: texts -> unit vectors (n, d), as `ports.SentenceEmbedder`.
    """
    if model not in _measured:
        _measured[model] = _between(sentences)
    return _measured[model]


def _between(sentences: Callable[[Sequence[str]], Any]) -> float | None:
    import numpy as np

    pairs = [*SAME, *DIFFERENT]
    vectors = sentences([text for pair in pairs for text in pair])
    cosines = np.einsum("ij,ij->i", vectors[0::2], vectors[1::2])
    same = np.arange(len(pairs)) < len(SAME)
    steps = np.unique(cosines)
    borders = (steps[1:] + steps[:-1]) / 2
    if not len(borders):
        return None
    qualities = np.array([quality(cosines >= border, same)[2] for border in borders])
    best = borders[np.isclose(qualities, qualities.max())]
    return float(best.mean()) if qualities.max() >= LEAST_QUALITY else None


def quality(found: Any, true: Any) -> tuple[float, float, float]:
    """Precision, recall and F0.5 of a decision about pairs; both boolean arrays."""
    hits = float((found & true).sum())
    precision, recall = hits / max(1.0, float(found.sum())), hits / max(1.0, float(true.sum()))
    weighed = _BETA_SQUARED * precision + recall
    return precision, recall, (1 + _BETA_SQUARED) * precision * recall / weighed if weighed else 0.0
