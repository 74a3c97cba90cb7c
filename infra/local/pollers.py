"""What AWS does between services and our functions: queues, streams and schedules call Lambdas.

moto's own event source mappings run the handler inside SendMessage and delete messages in spite of `batchItemFailures`, and its
rules never fire. For tests `drain()` works everything off in the calling thread's time; for `serve` threads do it.
"""

import json
import logging
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from moto.sqs.models import sqs_backends

from infra.local import dynamodb_patches
from infra.local.dynamodb_patches import Change, attribute_json
from infra.local.provision import QueueSource, Schedule, StreamSource
from infra.local.schedule import next_after
from infra.local.template import ACCOUNT, REGION

log = logging.getLogger(__name__)

_RECEIVE_LIMIT = 10  # Source: SQS, "ReceiveMessage": at most 10 messages


def _failed_ids(answer: Any, ids: set[str], partial: bool) -> set[str]:
    """The items that did not succeed. Source: Lambda, "Reporting batch item failures": an unknown or empty id fails the whole batch."""
    if not partial or not isinstance(answer, dict) or not answer.get("batchItemFailures"):
        return set()
    failed = {failure.get("itemIdentifier") for failure in answer["batchItemFailures"]}
    return failed if failed <= ids else ids


class QueuePoller:
    """One queue's event source mapping."""

    def __init__(self, source: QueueSource, sqs: Any, lambda_client: Any) -> None:
        self.source, self._sqs, self._lambda = source, sqs, lambda_client
        self._count = threading.Lock()
        self.busy = 0

    def poll_once(self) -> int:
        """Receive one batch and invoke the function with it; only what succeeded is deleted. Returns how many were received."""
        if not self._waiting():
            return 0
        with self._count:
            self.busy += 1
        try:
            messages = self._sqs.receive_message(
                QueueUrl=self.source.queue_url,
                MaxNumberOfMessages=min(self.source.batch_size, _RECEIVE_LIMIT),
                WaitTimeSeconds=0,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if messages:
                self._deliver(messages)
            return len(messages)
        finally:
            with self._count:
                self.busy -= 1

    def _waiting(self) -> bool:
        """Whether a message can be received; a look into moto is a hundred times cheaper than asking the API in vain."""
        queue = sqs_backends[ACCOUNT][REGION].queues.get(self.source.queue_url.rsplit("/", 1)[1])
        return queue is not None and any(message.visible and not message.delayed for message in list(queue._messages))

    def _deliver(self, messages: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": [self._record(message) for message in messages]}).encode()
        response = self._lambda.invoke(FunctionName=self.source.function, Payload=payload)
        answer = json.loads(response["Payload"].read() or b"null")
        if response.get("FunctionError"):
            log.warning("%s failed: %s", self.source.function, str(answer)[:500])
            return  # the whole batch comes back after its visibility timeout
        failed = _failed_ids(answer, {message["MessageId"] for message in messages}, self.source.partial)
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self.source.queue_url, Entries=entries)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {"dataType": value["DataType"], "stringValue": value.get("StringValue")}
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.source.queue_arn,
            "awsRegion": REGION,
        }


class StreamPoller:
    """One table's stream: the images of acknowledged writes, in order, delivered until the function succeeds."""

    def __init__(self, source: StreamSource, lambda_client: Any) -> None:
        self.source, self._lambda = source, lambda_client
        self._records: deque[dict[str, Any]] = deque()
        self._one = threading.Lock()
        self._sequence = 0

    @property
    def busy(self) -> int:
        return len(self._records)

    def see(self, changes: list[Change]) -> None:
        """A listener of `dynamodb_patches`: remembers the changes of this table."""
        for change in changes:
            if change.table.name != self.source.table:
                continue
            new = change.current()
            images = {"NewImage": new, "OldImage": change.old}
            name = "REMOVE" if new is None else "INSERT" if change.old is None else "MODIFY"
            self._sequence += 1
            some = new or change.old
            if some is None:
                continue
            keys = {attr: attribute_json(some.attrs[attr]) for attr in change.table.table_key_attrs}
            self._records.append(
                {
                    "eventID": f"{self._sequence:032x}",
                    "eventName": name,
                    "eventVersion": "1.1",
                    "eventSource": "aws:dynamodb",
                    "awsRegion": REGION,
                    "eventSourceARN": self.source.stream_arn,
                    "dynamodb": {
                        "ApproximateCreationDateTime": int(time.time()),
                        "Keys": keys,
                        "SequenceNumber": str(self._sequence),
                        "StreamViewType": "NEW_AND_OLD_IMAGES",
                        **{k: {a: attribute_json(v) for a, v in item.attrs.items()} for k, item in images.items() if item is not None},
                    },
                }
            )

    def poll_once(self) -> int:
        with self._one:
            batch = [self._records[at] for at in range(min(self.source.batch_size, len(self._records)))]
            if not batch:
                return 0
            response = self._lambda.invoke(FunctionName=self.source.function, Payload=json.dumps({"Records": batch}).encode())
            answer = json.loads(response["Payload"].read() or b"null")
            done = len(batch)
            if response.get("FunctionError"):
                log.warning("%s failed: %s", self.source.function, str(answer)[:500])
                done = 0
            elif failed := _failed_ids(answer, {r["dynamodb"]["SequenceNumber"] for r in batch}, self.source.partial):
                done = min(at for at, record in enumerate(batch) if record["dynamodb"]["SequenceNumber"] in failed)
            for _ in range(done):
                self._records.popleft()
            return done


class Ticker:
    """Invokes functions on their schedules, with the event EventBridge would send."""

    def __init__(self, schedules: list[Schedule], lambda_client: Any, started: datetime | None = None) -> None:
        self._lambda = lambda_client
        now = started or datetime.now(UTC)
        self._due = [(schedule, next_after(schedule.expression, now)) for schedule in schedules]

    def fire(self, schedule: Schedule, at: datetime) -> None:
        event = schedule.input if schedule.input is not None else self._event(schedule, at)
        body = event if isinstance(event, str) else json.dumps(event)
        self._lambda.invoke(FunctionName=schedule.function, InvocationType="Event", Payload=body.encode())

    def tick(self, now: datetime | None = None) -> int:
        """Fire what is due by now; returns how many."""
        now = now or datetime.now(UTC)
        fired = 0
        for at, (schedule, due) in enumerate(self._due):
            if due <= now:
                self.fire(schedule, due)
                self._due[at] = (schedule, next_after(schedule.expression, now))
                fired += 1
        return fired

    def _event(self, schedule: Schedule, at: datetime) -> dict[str, Any]:
        return {
            "version": "0",
            "id": f"{schedule.name}-{int(at.timestamp())}",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{schedule.name}"],
            "detail": {},
        }


class Pollers:
    """All event sources of a stack: `drain` for tests, `start`/`stop` for serving."""

    def __init__(
        self, queues: list[QueueSource], streams: list[StreamSource], schedules: list[Schedule], sqs: Any, lambda_client: Any
    ) -> None:
        self.queues = [QueuePoller(source, sqs, lambda_client) for source in queues]
        self.streams = [StreamPoller(source, lambda_client) for source in streams]
        self.ticker = Ticker(schedules, lambda_client)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for stream in self.streams:
            dynamodb_patches.listeners.append(stream.see)

    @property
    def busy(self) -> bool:
        return any(queue.busy for queue in self.queues) or any(stream.busy for stream in self.streams)

    def poll_once(self) -> int:
        """One round over every source."""
        return sum(queue.poll_once() for queue in self.queues) + sum(stream.poll_once() for stream in self.streams)

    def start(self, idle_seconds: float = 0.05) -> None:
        """Begin polling on threads: as many per queue as its concurrency, one per stream, one for the schedules."""
        self._stop.clear()
        for queue in self.queues:
            for number in range(queue.source.concurrency):
                self._thread(f"queue-{queue.source.function}-{number}", queue.poll_once, idle_seconds)
        for stream in self.streams:
            self._thread(f"stream-{stream.source.function}", stream.poll_once, idle_seconds)
        self._thread("schedules", self.ticker.tick, 1.0)

    def _thread(self, name: str, work: Any, idle_seconds: float) -> None:
        def loop() -> None:
            while not self._stop.is_set():
                try:
                    worked = work()
                except Exception:  # a poller outlives anything a message can do to it
                    log.exception("%s", name)
                    worked = 0
                if not worked:
                    self._stop.wait(idle_seconds)

        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Stop polling; a batch in work is finished first, up to the timeout."""
        self._stop.set()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads.clear()

    def close(self) -> None:
        self.stop()
        for stream in self.streams:
            if stream.see in dynamodb_patches.listeners:
                dynamodb_patches.listeners.remove(stream.see)
