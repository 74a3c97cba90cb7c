"""Everything that was said with a model for one piece of work: what was asked, what came, what was wrong with it, what it took."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib.ports import ImageAnswer, ImageRequest, TextAnswer, TextRequest


@dataclass(frozen=True)
class Reply:
    """text: as it came, '' for a picture or when nothing came. problems: why it was not used. milliseconds: None for a kept answer."""

    provider: str
    model: str
    text: str = ""
    problems: tuple[str, ...] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    milliseconds: int | None = None
    heard: bool = True  # False: the call failed and nothing is known of what it took


@dataclass
class Question:
    """kept: it was answered in an earlier try of the same work."""

    system: str
    prompt: str
    form: str
    prompt_id: str = ""
    prompt_version: str = ""
    kept: bool = False
    replies: list[Reply] = field(default_factory=list)

    def heard(self, answer: TextAnswer | ImageAnswer, milliseconds: int | None, problems: Iterable[str] = ()) -> None:
        """Note a reply; problems: empty when it was used."""
        text, tokens = (answer.text, (answer.tokens_in, answer.tokens_out)) if isinstance(answer, TextAnswer) else ("", (None, None))
        self.replies.append(Reply(answer.provider, answer.model, text, tuple(problems), *tokens, answer.cost_usd, milliseconds))

    def failed(self, provider: str, model: str, problem: str, milliseconds: int) -> None:
        """Note a call that came to nothing: no connection, no quota, a wrong key."""
        self.replies.append(Reply(provider, model, problems=(problem,), milliseconds=milliseconds, heard=False))


@dataclass
class Conversation:
    """Of one try of one item's work."""

    function: str
    item: str = ""
    op: str = ""
    run_id: str | None = None
    site_id: str = ""
    questions: list[Question] = field(default_factory=list)

    def asks(self, request: TextRequest, prompt_id: str, version: str) -> Question:
        return self._add(Question(request.system, request.prompt, request.schema.__name__, prompt_id, version))

    def draws(self, request: ImageRequest, prompt_id: str, version: str) -> Question:
        return self._add(Question("", request.prompt, f"{request.width_px}x{request.height_px}", prompt_id, version))

    def _add(self, question: Question) -> Question:
        self.questions.append(question)
        return question

    def replies(self, *, kept: bool = True) -> list[Reply]:
        """Those that came, in order. kept: also those that an earlier try was given."""
        return [r for q in self.questions if kept or not q.kept for r in q.replies if r.heard]

    def took(self, *, kept: bool = True) -> dict[str, Any]:
        """{tokens_in, tokens_out, cost_usd} of all replies, rejected ones too; None where one of them does not say."""
        replies = self.replies(kept=kept)
        names = ("tokens_in", "tokens_out", "cost_usd")
        return {name: total(getattr(r, name) for r in replies) if replies else None for name in names}

    def was_free(self) -> bool:
        """Nothing came in this try that costs anything: no reply, or those of a model that needs no provider."""
        return all(r.cost_usd == 0 and not r.tokens_in and not r.tokens_out for r in self.replies(kept=False))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def total(values: Iterable[Any]) -> Any:
    """Their sum, None when one is unknown."""
    found = list(values)
    return None if any(v is None for v in found) else sum(found)
