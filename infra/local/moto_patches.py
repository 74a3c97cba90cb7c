"""Everything moto 5.2.5 is taught for the local stack; `tests/infra/test_moto_patches.py` says when a patch may go.

- DynamoDB (`dynamodb_patches`, `gateway`): atomic, in order, as strict as AWS where the design relies on it.
- Lambda (`lambdas`): functions run, in this process.
- Step Functions: a SendTask* call races with a starting execution; SendTaskFailure loses its cause; the token of a closed
  or answered task is accepted or `InvalidToken` where AWS says `TaskTimedOut`; stopping an execution that just starts fails.
- Clients: each Lambda task of a state machine builds its own boto3 client (some 10 ms); they are shared instead.
- Cognito (`cognito_patches`): RevokeToken, reset codes that are checked, mails in an outbox.
- S3 (`s3_patches`): one request at a time.
- SQS: a queue's message groups are read while other threads receive and delete.
- `moto_speed`: what it does anew for each call is done once.
- moto logs every error it answers with: only its critical messages are kept.
"""

import importlib
import logging
import pkgutil
import re
import threading
import time
from datetime import datetime
from typing import Any

import moto.stepfunctions.parser.asl as asl
from moto.core.exceptions import AWSError
from moto.core.responses import EmptyResult
from moto.sqs.models import Queue
from moto.stepfunctions.parser.api import ExecutionStatus, InvalidToken
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint, CallbackOutcomeFailure, CallbackOutcomeSuccess
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from infra.local import cognito_patches, dynamodb_patches, gateway, lambdas, moto_speed, s3_patches

MOTO_VERSION = "5.2.5"
_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_installed = False
_lock = threading.Lock()


def _executions(self: StepFunctionsParserBackend, execution_status: ExecutionStatus | None = None) -> list[Execution]:
    """As moto's, without executions whose environment does not exist yet: they wait for no token."""
    found = [execution for machine in self.state_machines for execution in list(machine.executions)]
    ready = [e for e in found if e.exec_status is not None and e.exec_worker is not None and e.exec_worker.env is not None]
    return [e for e in ready if execution_status is None or e.exec_status == execution_status]


class TaskClosed(AWSError):  # type: ignore[misc]  # moto is untyped
    """AWS's answer for the token of a task that is over. (moto's own `TaskTimedOut` cannot be raised: it lacks its message.)"""

    TYPE = "TaskTimedOut"

    def __init__(self) -> None:
        super().__init__("Task Timed Out: 'Provided task does not exist anymore'")


def _endpoint(self: StepFunctionsParserBackend, token: str) -> CallbackEndpoint:
    """Where a running execution waits for this token. Raises: TaskClosed, and InvalidToken for what never was a token of ours."""
    for execution in self._get_executions(ExecutionStatus.RUNNING):
        endpoint = execution.exec_worker.env.callback_pool_manager.get(token)
        if endpoint is not None and endpoint.consumer_error is None and endpoint.get_outcome() is None:
            return endpoint
    raise TaskClosed() if _TOKEN.fullmatch(token) else InvalidToken()


def _send_task_success(self: StepFunctionsParserBackend, task_token: str, outcome: str) -> None:
    with _lock:
        _endpoint(self, task_token).notify(CallbackOutcomeSuccess(callback_id=task_token, output=outcome))


def _send_task_failure(self: StepFunctionsParserBackend, task_token: str, error: str | None = None, cause: str | None = None) -> None:
    with _lock:
        _endpoint(self, task_token).notify(CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))


def _send_task_heartbeat(self: StepFunctionsParserBackend, task_token: str) -> None:
    with _lock:
        _endpoint(self, task_token).notify_heartbeat()


def _answer_send_task_failure(self: StepFunctionResponse) -> Any:
    backend = self.stepfunction_backend
    backend.send_task_failure(self._get_param("taskToken"), error=self._get_param("error"), cause=self._get_param("cause"))
    return EmptyResult()


def _stop_worker(self: ExecutionWorker, stop_date: datetime, error: str | None, cause: str | None) -> None:
    deadline = time.monotonic() + 10
    while self.env is None and time.monotonic() < deadline:  # its thread has not come to it yet
        time.sleep(0.005)
    if self.env is not None:
        self.env.set_stop(stop_date=stop_date, cause=cause, error=error)


_moto_client_for = boto_client.boto_client_for
_clients: dict[tuple[str, str], Any] = {}


def _client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    with _lock:
        if (region, service) not in _clients:
            _clients[region, service] = _moto_client_for(region, service, state_credentials)
        return _clients[region, service]


def forget_clients() -> None:
    """Drop the shared clients (a new stack begins)."""
    with _lock:
        _clients.clear()


def _pending_groups(self: Queue) -> set[str]:
    """As moto's, of the messages there are at this moment: it walks the set itself, which other threads change meanwhile."""
    return {message.group_id for message in list(self.pending_messages) if message.group_id is not None}


def _share_clients() -> None:
    """moto's modules import the function by name, so each gets the shared one."""
    for module in pkgutil.walk_packages(asl.__path__, asl.__name__ + "."):
        if ".service." in module.name or module.name.endswith(("lambda_eval_utils", "state_task_lambda", "boto_client")):
            loaded = importlib.import_module(module.name)
            if getattr(loaded, "boto_client_for", None) is _moto_client_for:
                loaded.boto_client_for = _client_for  # type: ignore[attr-defined]


def install() -> None:
    """Apply every patch once per process. They concern only moto's fakes, so nothing undoes them."""
    global _installed
    if _installed:
        return
    _installed = True
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    dynamodb_patches.install()
    gateway.install()
    lambdas.install()
    cognito_patches.install()
    s3_patches.install()
    moto_speed.install()
    StepFunctionsParserBackend._get_executions = _executions  # type: ignore[method-assign]
    StepFunctionsParserBackend.send_task_success = _send_task_success  # type: ignore[method-assign]
    StepFunctionsParserBackend.send_task_failure = _send_task_failure  # type: ignore[method-assign]
    StepFunctionsParserBackend.send_task_heartbeat = _send_task_heartbeat  # type: ignore[method-assign]
    StepFunctionResponse.send_task_failure = _answer_send_task_failure  # type: ignore[method-assign]
    ExecutionWorker.stop = _stop_worker  # type: ignore[method-assign]
    Queue.pending_message_groups = property(_pending_groups)  # type: ignore[method-assign,assignment]
    _share_clients()
