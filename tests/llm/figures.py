"""What a run against the local model is measured by: every call of the model, and what became of every item."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chalicelib.core.errors import AppError, InvalidAnswer
from chalicelib.ports import TextAnswer, TextModel, TextRequest

REASON_CHARACTERS = 60


@dataclass
class Figures:
    """Of one function. calls: questions put to the model, repairs among them. tries: runs of the engine; failures: by error class
    and reason. saved: objects in the table (clusters, ideas, articles, image prompts), counted there at the end."""

    calls: int = 0
    repairs: int = 0
    tries: int = 0
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    saved: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


class Measured:
    """A text model that counts. Nothing is changed on the way."""

    def __init__(self, model: TextModel, figures: dict[str, Figures]) -> None:
        self._model, self._figures = model, figures
        self.provider, self.model = model.provider, model.model

    def complete(self, request: TextRequest) -> TextAnswer:
        figures, started = self._figures[request.function], time.monotonic()
        figures.calls += 1
        figures.repairs += request.repair is not None
        try:
            answer = self._model.complete(request)
        except InvalidAnswer as error:
            self._count(figures, error.extra.get("tokens_in"), error.extra.get("tokens_out"))
            raise
        finally:
            figures.seconds += time.monotonic() - started
        self._count(figures, answer.tokens_in, answer.tokens_out)
        return answer

    @staticmethod
    def _count(figures: Figures, tokens_in: int | None, tokens_out: int | None) -> None:
        figures.tokens_in += tokens_in or 0
        figures.tokens_out += tokens_out or 0


def new_figures() -> dict[str, Figures]:
    return defaultdict(Figures)


def reason(error: AppError) -> str:
    """The error's class and the first thing that was wrong, without what is particular to one item."""
    said = error.message.partition("could not be used: ")[2] or error.message
    said = re.sub(r"^\"[^\"]*\": ", "", said)
    said = re.sub(r"\d+", "n", re.split(r"[.;:](?: |$)", re.sub(r"\"[^\"]*\"|'[^']*'", "…", said))[0])
    return f"{type(error).__name__}: {' '.join(said.split())[:REASON_CHARACTERS]}"


def table(figures: dict[str, Figures], names: Sequence[str]) -> list[str]:
    """Lines of a Markdown table, a row for each function and one for all."""
    head = ("function", "calls", "repairs", "tries", "done", "objects saved", "tokens in", "tokens out", "tokens out/s", "seconds")
    rows = [(name, figures[name]) for name in names]
    rows.append(("all", _total([f for _, f in rows])))
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for name, f in rows:
        rate = round(f.tokens_out / f.seconds, 1) if f.seconds else 0
        cells = (name, f.calls, f.repairs, f.tries, f.done, f.saved, f.tokens_in, f.tokens_out, rate, round(f.seconds))
        lines.append(" | ".join(map(str, cells)))
    return [f"| {line} |" for line in lines]


def failures(figures: dict[str, Figures], names: Sequence[str]) -> list[str]:
    """A line for each way in which tries ended without an object."""
    return [f"{name}: {count} x {why}" for name in names for why, count in figures[name].failures.most_common()]


def _total(all_figures: Sequence[Figures]) -> Figures:
    total = Figures()
    add: Callable[[str], None] = lambda name: setattr(total, name, sum(getattr(f, name) for f in all_figures))  # noqa: E731
    for name in ("calls", "repairs", "tries", "done", "saved", "tokens_in", "tokens_out", "seconds"):
        add(name)
    return total
