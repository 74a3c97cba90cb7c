"""What goes wrong in the outside world, when the test says so: models, a publisher and tables that follow a script.

`script.at("text.generate_content", Busy(), "not JSON")` lets the first content that is asked for fail so, one try after the other; all
other calls go through. `script.always(name, error)` fails every call. An effect is an error to raise, an answer, a function to call
before the call goes through, or None to let it pass. The names:

  text.<function>, image, publish   a call of the model or the publisher
  publish.after                     the same, when the remote side has done it
  workflow.start, .status           a call of Step Functions
  table.before:<part of a key>      a transaction of the business table with such a key, and `table.after:`; `ops.` for the other table
  table.hidden:<part of a name>     a query of an index, of this collection, that shows nothing of what was written
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib import ports
from chalicelib.core.table import Query, QueryPage, Table, Write
from infra.uses import acting


class LambdaDied(BaseException):
    """Ends an invocation as when its process is gone: no `except Exception` of ours runs any more."""


# What Step Functions is told of a Lambda whose process ended. Source: AWS Lambda, Runtime.ExitError.
ExitError = type("Runtime.ExitError", (Exception,), {})


def mortal(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The handler as Lambda runs it: a death becomes the service's own error."""

    def run(event: Any, context: Any) -> Any:
        try:
            return handler(event, context)
        except LambdaDied as death:
            raise ExitError(f"RequestId: {context.aws_request_id} Error: Runtime exited ({death})") from None

    return run


@dataclass
class _Rule:
    effects: list[Any]
    item: str | None = None
    found: str | None = None


@dataclass
class Script:
    """calls: (name, item) -> how often it was called. seen: the requests, by name."""

    rules: dict[str, list[_Rule]] = field(default_factory=lambda: defaultdict(list))
    everywhere: dict[str, Any] = field(default_factory=dict)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    lock: Any = field(default_factory=threading.Lock)

    def at(self, name: str, *effects: Any, item: str | None = None) -> None:
        """The next calls of one item (the first that comes, unless named; `*`: of any) have these effects."""
        self.rules[name].append(_Rule(list(effects), item))

    def always(self, name: str, effect: Any) -> None:
        self.everywhere[name] = effect

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def unused(self) -> list[str]:
        """Names of rules that never took effect: a test that misses its fault is no test."""
        return [name for name, rules in self.rules.items() if any(rule.effects for rule in rules)]

    def next(self, name: str, item: str, request: Any = None) -> Any:
        """What happens to this call: raises, or returns an answer, or None to go through."""
        with self.lock:
            self.calls[name, item] += 1
            self.seen[name].append(request)
            effect = self.everywhere.get(name)
            for rule in self.rules.get(name, ()):
                if rule.effects and (rule.item or rule.found or item) in (item, "*"):
                    rule.found, effect = item, rule.effects.pop(0)
                    break
        if isinstance(effect, BaseException):
            raise effect
        if not callable(effect):
            return effect
        with acting(""):  # what somebody else does at this moment needs no permission of the function that is at work
            return effect()

    def total(self, name: str) -> int:
        return sum(n for (called, _), n in self.calls.items() if called == name)


class ScriptedText:
    """The offline writer, as the script wants it."""

    def __init__(self, inner: ports.TextModel, script: Script) -> None:
        self.inner, self.script, self.provider, self.model = inner, script, inner.provider, inner.model

    def complete(self, request: ports.TextRequest) -> ports.TextAnswer:
        facts = request.facts
        item = str(facts.get("title") or facts.get("cluster", {}).get("name") or request.function)
        answer = self.script.next(f"text.{request.function}", item, request)
        if answer is not None:
            return ports.TextAnswer(str(answer), self.model, self.provider, 10, 20, 0.001)
        return self.inner.complete(request)


class ScriptedImages:
    """Pictures of the offline model, drawn once for each size."""

    def __init__(self, inner: ports.ImageModel, script: Script) -> None:
        self.inner, self.script, self.provider, self.model = inner, script, inner.provider, inner.model
        self._drawn: dict[tuple[int, int], ports.ImageAnswer] = {}

    def draw(self, request: ports.ImageRequest) -> ports.ImageAnswer:
        self.script.next("image", request.prompt, request)
        size = request.width_px, request.height_px
        if size not in self._drawn:
            self._drawn[size] = self.inner.draw(request)
        return self._drawn[size]


class ByFirstWord:
    """Embeds a keyword as its first word: a test knows its clusters."""

    provider, model, threshold = "offline", "first-word", 0.5

    def embed(self, texts: Sequence[str]) -> Any:
        import hashlib

        import numpy as np

        vectors = np.zeros((len(texts), 512), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, int(hashlib.sha256(text.split()[0].encode()).hexdigest(), 16) % 512] = 1
        return vectors


class ScriptedSite:
    """A target that keeps one post for each source id, as the port asks, and counts what was created.

    posts: source id -> remote id; created: source ids in the order their posts came into being; updated: likewise.
    """

    target = "static"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.posts: dict[str, str] = {}
        self.created: list[str] = []
        self.updated: list[str] = []
        self.articles: dict[str, ports.Article] = {}

    def publish(self, article: ports.Article, known: ports.RemotePost | None) -> ports.RemotePost:
        self.script.next("publish", article.source_id, article)
        if article.source_id in self.posts:
            assert known is None or known.external_id == self.posts[article.source_id]
            self.updated.append(article.source_id)
        else:
            assert known is None, "a post is remembered that never was"
            self.posts[article.source_id] = f"post-{len(self.posts) + 1}"
            self.created.append(article.source_id)
        self.articles[article.source_id] = article
        self.script.next("publish.after", article.source_id, article)
        return ports.RemotePost(self.posts[article.source_id], f"https://site.test/{article.slug}", article.status, article.terms)

    def withdraw(self, source_id: str, known: ports.RemotePost) -> bool:
        self.script.next("withdraw", source_id, known)
        return self.posts.pop(source_id, None) is not None

    def refuses(self, content_type: str) -> str | None:
        return "The site has no shop." if content_type == "product" else None

    def check(self) -> ports.Check:
        return ports.Check(True, "It answers.")


class ScriptedTable(Table):
    """A real table whose transactions may not come to be, or be the last thing their process does."""

    def __init__(self, inner: Table, name: str, script: Script) -> None:
        super().__init__(inner.client, inner.name)
        self._called, self._script = name, script

    def transact(self, actions: Sequence[Write]) -> None:
        keys = [f"{a.key[0]}|{a.key[1]}" for a in actions]
        self._happen("before", keys)
        super().transact(actions)
        self._happen("after", keys)

    def _happen(self, when: str, keys: list[str]) -> None:
        for name in list(self._script.rules):
            prefix, _, part = name.partition(":")
            if prefix == f"{self._called}.{when}" and (found := [k for k in keys if part in k]):
                self._script.next(name, found[0])

    def query(self, q: Query) -> QueryPage:
        for name in list(self._script.rules):
            prefix, _, part = name.partition(":")
            if prefix == f"{self._called}.hidden" and q.index and part in q.hash_value and self._script.next(name, part):
                return QueryPage([], None, 0)
        return super().query(q)


class MovableClock:
    """The present, and as much later as the test says."""

    def __init__(self, inner: ports.Clock) -> None:
        self.inner, self.ahead = inner, timedelta()

    def now(self) -> datetime:
        return self.inner.now() + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


class ScriptedWorkflow:
    """The state machine, as the script lets it be reached."""

    def __init__(self, inner: ports.Workflow, script: Script) -> None:
        self.inner, self.script = inner, script

    def start(self, name: str, body: dict[str, Any]) -> str:
        self.script.next("workflow.start", name, body)
        arn = self.inner.start(name, body)
        self.script.next("workflow.started", name, body)
        return arn

    def stop(self, arn: str, cause: str) -> None:
        self.inner.stop(arn, cause)

    def status(self, arn: str) -> str:
        return str(self.script.next("workflow.status", arn) or self.inner.status(arn))

    def succeed(self, token: str, output: dict[str, Any]) -> None:
        self.script.next("workflow.succeed", str(output), output)
        self.inner.succeed(token, output)

    def fail(self, token: str, error: str, cause: str) -> None:
        self.inner.fail(token, error, cause)
