"""Answers to the questions of long work, kept for a day, so that a try after a crash does not pay the provider for them again.

An answer belongs to the operation and to the very question (prompt, schema, provider): when the facts have changed since, the question
is another one and is asked. Nothing is charged for what is kept; the credits are settled once, when all of the work is saved.
"""

import gzip
import hashlib
from dataclasses import asdict
from datetime import timedelta

from pydantic import BaseModel, ValidationError

from chalicelib.core.context import Context
from chalicelib.core.errors import Retryable
from chalicelib.core.observability import logger
from chalicelib.core.table import Key, Query, put, remove
from chalicelib.ports import TextAnswer, TextRequest

KEEP = timedelta(days=1)
Answered = tuple[BaseModel, list[TextAnswer], bool]  # the valid answer, the replies it took, whether it was repaired


class KeptAnswers:
    """Of one operation. op: its key, the same for every try; provider: who is asked."""

    def __init__(self, ctx: Context, op: str, provider: str) -> None:
        self._ctx, self._op, self._provider = ctx, op.partition("~")[0], provider

    def find(self, request: TextRequest) -> Answered | None:
        """What this question was answered with, if it was."""
        item = self._ctx.deps.ops.get(self._key(request))
        if item is None:
            return None
        try:
            answer = request.schema.model_validate_json(gzip.decompress(item["gz"]))
        except ValidationError:  # of a release whose answers had another form
            logger().info("a kept answer no longer fits", extra={"ai_function": request.function})
            return None
        return answer, [TextAnswer(**r) for r in item["replies"]], item["repaired"]

    def keep(self, request: TextRequest, answered: Answered) -> Answered:
        """Keep an answer and return it. Without it a later try asks again: that is dearer, but no reason to fail this one."""
        answer, replies, repaired = answered
        item = {
            "gz": gzip.compress(answer.model_dump_json().encode(), mtime=0),
            "replies": [{**asdict(r), "text": ""} for r in replies],
            "repaired": repaired,
            "ttl": int((self._ctx.deps.clock.now() + KEEP).timestamp()),
        }
        try:
            self._ctx.deps.ops.write(put(self._key(request), item))
        except Retryable as error:
            logger().warning("an answer is not kept", extra={"ai_function": request.function, "detail": error.message})
        return answered

    def forget(self) -> None:
        """Drop what is kept: together the answers are of no use."""
        ops, (pk, _) = self._ctx.deps.ops, self._ctx.key(f"KEPT#{self._op}", "")
        for item in ops.query_all(Query(pk)):
            ops.write(remove((pk, item["sk"])))

    def _key(self, request: TextRequest) -> Key:
        question = hashlib.sha256("\0".join([self._provider, request.schema.__name__, request.prompt]).encode()).hexdigest()
        return self._ctx.key(f"KEPT#{self._op}", question)
