"""The whole pipeline in this process for tests: the generated machine on the local stack, a world that follows a script, and what a
test asks afterwards: the path an execution took, what is in the table, and whether the ledger adds up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import boto3
from moto.awslambda_simple.models import lambda_simple_backends

from chalicelib import deps as wiring
from chalicelib.adapters.offline_image import OfflineImageModel
from chalicelib.adapters.offline_text import OfflineTextModel
from chalicelib.core.context import Deps
from infra.build import template
from infra.local.lambdas import invoker
from infra.local.pace import hurried
from infra.local.stack import LocalStack
from infra.local.template import ACCOUNT, REGION
from tests.automation.accounts import FEW as FEW
from tests.automation.accounts import KEYWORDS as KEYWORDS
from tests.automation.accounts import Account as Account
from tests.automation.accounts import new_account as new_account
from tests.automation.accounts import open_account as open_account
from tests.automation.faults import (
    ByFirstWord,
    MovableClock,
    Script,
    ScriptedImages,
    ScriptedSite,
    ScriptedTable,
    ScriptedText,
    ScriptedWorkflow,
    mortal,
)

LIMIT_SECONDS = 30
NEXT_DELIVERY_SECONDS = 1800  # the queues' visibility timeout
_TEMPLATE: list[dict[str, Any]] = []


@dataclass
class World:
    """The stack, its dependencies, and the script that everything outside follows."""

    stack: LocalStack
    deps: Deps
    script: Script
    clock: MovableClock
    site: ScriptedSite

    def account(self, keywords: tuple[str, ...] = KEYWORDS, *, credits: int = 5_000, **config: Any) -> "Account":
        return open_account(self, keywords, credits=credits, **config)

    def begin(self) -> None:
        """An empty script, and nothing left over of the test before."""
        for arn in self.stack.running_executions():
            self.deps.workflow.stop(arn, "left over by another test")
        self.script.clear()
        self.work()

    def end(self) -> None:
        """What was scripted has happened: a test that misses its fault is no test."""
        assert self.script.unused() == []

    def work(self, until: Any = None) -> None:
        """Work everything off: executions, messages, and messages that wait for their next delivery. until: stop when it is true."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (until and until()):
            if self.stack.pollers.poll_once():
                continue
            if not self.stack.running_executions() and not invoker.running:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"still running: {self.stack.running_executions()}")
            if self.stack.make_visible():  # as if the time until the next delivery had passed
                self.clock.forward(seconds=NEXT_DELIVERY_SECONDS)
            time.sleep(0.01)

    def dead_letters(self, queue: str) -> list[str]:
        """The messages in a queue's dead letters, which are taken out. queue: Images or Publish."""
        self.stack.make_visible()
        self.work()  # a message moves when it would be delivered once more
        sqs, url, found = boto3.client("sqs"), self.stack.stack.physical_id(f"{queue}DeadLetters"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@contextmanager
def world() -> Iterator[World]:
    """The seeded local stack with scripted outside. One at a time in a process."""
    if not _TEMPLATE:
        _TEMPLATE.append(template("local"))
    with LocalStack(_TEMPLATE[0]) as stack, hurried():
        wiring.use(None)
        real, script = wiring.current(), Script()
        clock, site = MovableClock(real.clock), ScriptedSite(script)
        images = ScriptedImages(OfflineImageModel(), script)
        deps = replace(
            real,
            table=ScriptedTable(real.table, "table", script),
            ops=ScriptedTable(real.ops, "ops", script),
            clock=clock,
            workflow=ScriptedWorkflow(real.workflow, script),
            text=lambda choice: ScriptedText(OfflineTextModel(), script),
            image=lambda choice: images,
            embedder=lambda choice: ByFirstWord(),
            publisher=lambda tenant, name, connection: site,
        )
        for function in stack.stack.functions:
            handler = invoker.handler(lambda_simple_backends[ACCOUNT][REGION].get_function(function))
            invoker._handlers[function] = mortal(handler)
        wiring.use(deps)
        try:
            yield World(stack, deps, script, clock, site)
        finally:
            wiring.use(None)
