"""SQS without AWS: messages that come again when their worker died, and dead letters after as many deliveries as the product says."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.core.entry import MAX_RECEIVES

VISIBILITY_SECONDS = 1800  # infra/resources/queues.yaml; a test compares them


@dataclass
class Message:
    """visible_at: when it is delivered next, in seconds."""

    queue: str
    id: str
    body: str
    visible_at: float
    receives: int = 0


class Queues:
    """The port, and what delivers. now: seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._ids = now, itertools.count(1)
        self.messages: list[Message] = []
        self.dead: list[Message] = []

    def send(self, queue: str, body: dict[str, Any], delay_seconds: int = 0) -> str:
        message = Message(queue, f"message-{next(self._ids)}", json.dumps(body), round(self._now() + delay_seconds, 3))
        self.messages.append(message)
        return message.id

    def again(self, queue: str, receipt: str, seconds: int) -> None:
        for message in self.messages:
            if message.id == receipt:
                message.visible_at = round(self._now() + seconds, 3)  # the clock knows milliseconds

    def visible(self) -> list[Message]:
        """What can be delivered now; what was delivered often enough goes to the dead letters instead."""
        now = self._now()
        found = [m for m in self.messages if m.visible_at <= now]
        for message in [m for m in found if m.receives >= MAX_RECEIVES]:
            self.messages.remove(message)
            self.dead.append(message)
        return [m for m in found if m.receives < MAX_RECEIVES]

    def next_time(self) -> float | None:
        return min((m.visible_at for m in self.messages), default=None)

    def deliver(self, message: Message, handler: Callable[[dict[str, Any]], Any]) -> None:
        """Hand a message to its worker; it is gone when the worker says so. Raises: what the worker raises, it is delivered later then."""
        message.receives += 1
        message.visible_at = round(self._now() + VISIBILITY_SECONDS, 3)
        record = {
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{message.queue}",
            "awsRegion": "us-east-1",
        }
        answer = handler({"Records": [record]})
        if not answer["batchItemFailures"] and message in self.messages:
            self.messages.remove(message)

    def redrive(self, queue: str) -> int:
        """`make replay MOVE=1`: dead letters go back into their queue as new messages. Returns how many."""
        moved = [m for m in self.dead if m.queue == queue]
        for message in moved:
            self.dead.remove(message)
            self.send(queue, json.loads(message.body))
        return len(moved)
