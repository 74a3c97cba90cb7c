"""Workers that stop before every DynamoDB call, so that a test decides who goes on and what befalls the call."""

import threading
from collections.abc import Callable
from typing import Any, Literal

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.billing.virtual_time import signal

Fault = Literal["request lost", "reply lost", "throttled", "conflict", "crash"]
FAULTS: tuple[Fault, ...] = ("request lost", "reply lost", "throttled", "conflict", "crash")
WRITES = {"put_item", "update_item", "delete_item", "transact_write_items"}


class Crash(BaseException):
    """The worker's process ends here."""


class Worker:
    """A job on a thread of its own that runs only between two of its database calls, when `step` says so.

    outcome: what the job returned, or the error it raised; `expected` errors are outcomes, others fail the test. waits_for: the
    operation of the call at which it stops.
    """

    def __init__(self, job: Callable[[], Any], expected: tuple[type[Exception], ...]) -> None:
        self.done, self.waits_for = False, ""
        self.outcome: Any = None
        self.unexpected: BaseException | None = None
        self._job, self._expected = job, expected
        self._go, self._stopped = signal(), signal()
        self._fault: Fault | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def _run(self) -> None:
        _here.worker = self
        try:
            self.outcome = self._job()
        except self._expected as error:
            self.outcome = error
        except Crash:
            self.outcome = "crashed"
        except BaseException as error:
            self.unexpected = error
        self.done = True
        self._stopped.release()

    def before_call(self, operation: str) -> Fault | None:
        self.waits_for = operation
        self._stopped.release()
        self._go.acquire()
        return self._fault

    @property
    def reads(self) -> bool:
        """Whether the call at which it stops changes nothing."""
        return self.waits_for not in WRITES

    def step(self, fault: Fault | None = None) -> None:
        """Let the call at which it waits happen, so or so, and the job go on to its next call or its end."""
        self._fault = fault
        self._go.release()
        self._wait()

    def _wait(self) -> None:
        self._stopped.acquire()
        if self.done:
            self._thread.join()
        if self.unexpected is not None:
            raise self.unexpected


_here = threading.local()


class WatchedClient:
    """The DynamoDB client of workers. `writes` counts the calls that reached the table and may have changed it.

    A worker's BatchGetItem is answered item by item, with a stop before each: it is no snapshot (Source: DynamoDB API reference)."""

    def __init__(self, client: Any) -> None:
        self._client, self.writes = client, 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)

        def watched(**request: Any) -> Any:
            worker: Worker | None = getattr(_here, "worker", None)
            if operation == "batch_get_item" and worker:
                return self._one_by_one(request["RequestItems"])
            fault = worker.before_call(operation) if worker else None
            if fault == "crash":
                raise Crash
            if fault == "request lost":
                raise ReadTimeoutError(endpoint_url="")
            if fault == "throttled":
                raise _error("ProvisionedThroughputExceededException", operation)
            if fault == "conflict" and operation in WRITES:
                actions = request.get("TransactItems")
                if actions is None:
                    raise _error("TransactionConflictException", operation)
                reasons = [{"Code": "TransactionConflict"}, *([{"Code": "None"}] * (len(actions) - 1))]
                raise _error("TransactionCanceledException", operation, CancellationReasons=reasons)
            self.writes += operation in WRITES
            answer = call(**request)
            if fault == "reply lost":
                raise ReadTimeoutError(endpoint_url="")
            return answer

        return watched

    def _one_by_one(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for table, part in wanted.items():
            for key in part["Keys"]:
                answer = self.get_item(TableName=table, Key=key, ConsistentRead=part["ConsistentRead"])
                found.setdefault(table, []).extend([answer["Item"]] if "Item" in answer else [])
        return {"Responses": found, "UnprocessedKeys": {}}


def _error(code: str, operation: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, operation)
