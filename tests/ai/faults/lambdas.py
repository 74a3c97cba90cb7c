"""Workers and stage Lambdas as AWS calls them, on a bench's account: SQS deliveries and Step Functions' events."""

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.ai import consumers, tasks
from chalicelib.automation import consumers as stage_consumers
from chalicelib.automation import lambdas
from chalicelib.automation.control import begin, start
from chalicelib.automation.runs import Run, Runs
from chalicelib.core.errors import AppError
from chalicelib.system.progress import progress
from chalicelib.writer.tasks import TASK
from tests.ai.faults.bench import Bench
from tests.fakes import RecordingJobs, RecordingWorkflow

MINUTES_15 = 900.0


@dataclass
class LambdaContext:
    """What Lambda tells a handler. seconds: that it may still work."""

    seconds: float = MINUTES_15
    aws_request_id: str = "request-1"
    function_name: str = "function"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Queue:
    """A queue with one message, delivered as often as the test says. postponed: seconds until the next delivery, for each failure."""

    bench: Bench
    name: str
    body: dict[str, Any]
    receives: int = 0
    postponed: list[int] = field(default_factory=list)

    def deliver(self, *, seconds: float = MINUTES_15, receives: int | None = None) -> bool:
        """One delivery. False when the worker wants the message again."""
        self.receives = receives if receives is not None else self.receives + 1
        record = {
            "messageId": "message-1",
            "receiptHandle": "receipt-1",
            "body": json.dumps(self.body),
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{self.name}",
            "awsRegion": "us-east-1",
        }
        worker = consumers.ai_worker if self.name == "ai" else stage_consumers.image_worker
        answer = worker({"Records": [record]}, LambdaContext(seconds))
        jobs = self.bench.ctx.deps.jobs
        assert isinstance(jobs, RecordingJobs)
        self.postponed = [wait for _, _, wait in jobs.postponed]
        return answer["batchItemFailures"] == []


def asked_by_hand(bench: Bench, function: str, item: str) -> tuple[Queue, str]:
    """The message of an item that somebody asked for, and its task id."""
    queue = "images" if function == "generate_images" else "ai"
    task_id = tasks.submit(bench.ctx, function, [item])["task_id"]
    jobs = bench.ctx.deps.jobs
    assert isinstance(jobs, RecordingJobs)
    return Queue(bench, queue, jobs.bodies(queue)[-1]), task_id


def shown(bench: Bench, task_id: str) -> dict[str, Any]:
    return progress(bench.ctx, task_id)


@dataclass
class Running:
    """A run of the bench's site, which Step Functions drives."""

    bench: Bench
    run: Run

    @classmethod
    def of(cls, bench: Bench) -> "Running":
        run = start(bench.ctx, bench.place.site_id)
        begin(bench.ctx, run.id, run.attempt, "arn:execution:1")
        return cls(bench, run)

    def ends(self) -> None:
        """The run is over and gives back what it had reserved."""
        Runs(self.bench.ctx).finish(self.run.id, "completed", None)
        assert self.bench.sound().available == 100 - self.bench.taken

    @property
    def _identity(self) -> dict[str, Any]:
        return {"tenant": self.bench.ctx.tenant, "site": self.run.site_id, "run": self.run.id, "attempt": self.run.attempt}

    def message(self, content: str) -> Queue:
        """The message of a content whose pictures are to be drawn."""
        return Queue(self.bench, "images", {**self._identity, "token": "token-1", "stage": 6, "action": "run", "item": content})

    def stage(self, number: int, action: str, **facts: Any) -> dict[str, Any]:
        """A call of a stage's Lambda. Raises what Step Functions sees."""
        handler = getattr(lambdas, f"stage_{number}")
        answer: dict[str, Any] = handler({**self._identity, "action": action, **facts}, LambdaContext())
        return answer

    def fails(self, number: int, item: str) -> AppError:
        """The error of an item, which the state machine hands back for the record."""
        try:
            answer = self.stage(number, "run", item=item)
        except AppError as error:
            failure = error
        else:
            raise AssertionError(f"this should have failed: {answer}")
        cause = json.dumps({"errorMessage": str(failure), "errorType": type(failure).__name__})
        assert self.stage(number, "failed", item=item, error={"Error": type(failure).__name__, "Cause": cause}) == {"failed": True}
        return failure

    @property
    def told(self) -> list[Any]:
        """What Step Functions was told of task tokens: outputs, and (error, cause)."""
        workflow = self.bench.ctx.deps.workflow
        assert isinstance(workflow, RecordingWorkflow)
        return [output for _, output in workflow.succeeded] + [(error, cause) for _, error, cause in workflow.failed]

    def shown(self) -> dict[str, Any]:
        runs = Runs(self.bench.ctx)
        return runs.shown(runs.get(self.run.id))

    def log(self) -> list[str]:
        return [line["message"] for line in Runs(self.bench.ctx).logs(self.run.id)]


def task_of(bench: Bench) -> Any:
    return bench.ctx.repository(TASK).get(bench.made.task)
