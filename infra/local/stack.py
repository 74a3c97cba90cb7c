"""The embedded AWS stack: moto in this process, provisioned from the template, with queues, schedules and a journal.

with LocalStack(template(stage="local")) as stack:
    boto3.client("dynamodb")...        # every boto3 call of the process is answered here
    stack.drain()                      # queues, executions and asynchronous invocations have come to rest
"""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from moto import mock_aws
from moto.cognitoidp.responses import CognitoIdpJsonWebKeyResponse
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import responses_mock
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from infra.local import gateway, moto_patches
from infra.local.files_server import FilesServer
from infra.local.journal import Journal
from infra.local.lambdas import invoker
from infra.local.pollers import Pollers
from infra.local.provision import Provisioner, Stack
from infra.local.template import ACCOUNT, REGION
from infra.uses import Recorder, wanted

_CONFIG: Any = {
    "lambda": {"use_docker": False},
    "stepfunctions": {"execute_state_machine": True},
    "core": {
        "mock_credentials": False,  # ours stay: presigned URLs are checked against them
        "passthrough": {"urls": [], "services": []},
        "reset_boto3_session": True,
        "service_whitelist": None,
    },
}
# A key pair that opens nothing: should a call ever leave this process, AWS refuses it.
ACCESS_KEY, SECRET_KEY = "local", "local-stack-only"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "POWERTOOLS_METRICS_DISABLED": "true",
}
_REMOVED = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SECURITY_TOKEN")
_one_at_a_time = threading.Lock()


class NotAtRest(TimeoutError):
    """`drain` ran out of time; the message says what is still under way."""


class LocalStack:
    """One stack per process at a time; it may be started and stopped again and again.

    template: what `infra.build.template` returns. data_dir: where `state.sqlite3` is kept, None for a stack that forgets.
    port: of the API, for `PUBLIC_URL`; the API itself is served by `api_server`. parameters: of the template.
    """

    def __init__(
        self,
        template: dict[str, Any],
        data_dir: Path | None = None,
        port: int | None = None,
        *,
        parameters: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        name: str = "igny8-local",
    ) -> None:
        self._template, self._data_dir, self._port, self._name = template, data_dir, port, name
        self._parameters, self._extra = parameters or {}, environment or {}
        self._mock = mock_aws(config=_CONFIG)
        self._saved: dict[str, str | None] = {}
        self._started = False
        self.restored: dict[str, int] = {}
        self.journal: Journal | None = None
        self.recorder: Recorder | None = None
        self.files: FilesServer
        self.stack: Stack
        self.pollers: Pollers

    # -- life ---------------------------------------------------------------------------------------------------------------

    def start(self) -> "LocalStack":
        """Set the environment, provision, restore. Pollers are started by `serve_events`."""
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("another LocalStack is running in this process")
        try:
            moto_patches.install()
            self._set_environment(_ENVIRONMENT)
            self._mock.start()
            # `start` also patches `requests`, which has to reach real loopback servers; boto3 does not use it.
            responses_mock.stop(allow_assert=False)
            self._started = True
            self._reset()
            boto3.DEFAULT_SESSION = None
            self.files = FilesServer(ACCESS_KEY, SECRET_KEY)
            self._set_environment({"LOCAL_S3_ENDPOINT": self.files.url, "MOTO_S3_CUSTOM_ENDPOINTS": self.files.url})
            if self._data_dir is not None:
                self.journal = Journal(self._data_dir / "state.sqlite3")
            adopt = self.journal.adopt if self.journal else None
            self.stack = Provisioner(self._template, self._name, self._parameters, adopt=adopt).run()
            if wanted() is not None:
                self.recorder = Recorder({name: r.logical_id for r in self.stack.resources.values() for name in r.names})
                self.recorder.start()
            if self.journal:
                self.restored = self.journal.restore(self.stack)
                self.journal.attach()
            if self._port is not None:
                self._set_environment({"PUBLIC_URL": f"http://127.0.0.1:{self._port}"})
            if self._data_dir is not None:
                self._set_environment({"LOCAL_DIR": str(self._data_dir)})
            self._set_environment({**self.stack.environment, **self._extra})
            # Cognito's public keys, which an application fetches by HTTPS: moto signs with a key pair it ships
            self._set_environment({"LOCAL_JWKS": CognitoIdpJsonWebKeyResponse.json_web_key.decode()})
            self.files.start(boto3.client("s3"))
            self.pollers = Pollers(
                self.stack.queue_sources, self.stack.stream_sources, self.stack.schedules, boto3.client("sqs"), boto3.client("lambda")
            )
        except BaseException:
            self.stop()
            raise
        return self

    def serve_events(self) -> None:
        """Work queues, streams and schedules on threads until `stop`."""
        self.pollers.start()

    def stop(self) -> None:
        """Stop everything this stack started and leave process and environment as they were. Data stays in the journal."""
        try:
            if hasattr(self, "pollers"):
                self.pollers.close()
            if self._started:
                self._stop_executions()
                invoker.wait_idle(5)
            if hasattr(self, "files"):
                self.files.stop()
            if self.journal:
                self.journal.close()
                self.journal = None
            if self.recorder and (folder := wanted()):
                self.recorder.stop(folder)
                self.recorder = None
        finally:
            if self._started:
                self._mock.stop()
                self._started = False
                boto3.DEFAULT_SESSION = None
            for name, value in self._saved.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            self._saved.clear()
            if _one_at_a_time.locked():
                _one_at_a_time.release()

    def __enter__(self) -> "LocalStack":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _reset(self) -> None:
        BackendDict.reset()
        reset_model_data()
        gateway.reset()
        moto_patches.forget_clients()
        invoker.reset()

    def _set_environment(self, values: dict[str, str]) -> None:
        for name in _REMOVED:
            if name in os.environ:
                self._saved.setdefault(name, os.environ.pop(name))
        for name, value in values.items():
            self._saved.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    # -- for tests ----------------------------------------------------------------------------------------------------------

    def drain(self, timeout_seconds: float = 60, wait_for_executions: bool = True) -> int:
        """Work everything off until nothing moves: messages, stream records, Event invocations, running executions.

        Returns how many messages and records were delivered. A message that failed stays invisible for its timeout and is not
        waited for (`make_visible` brings it back). Raises: NotAtRest.
        """
        deadline = time.monotonic() + timeout_seconds
        delivered = 0
        while True:
            moved = self.pollers.poll_once()
            delivered += moved
            running = self.running_executions() if wait_for_executions else []
            if not moved and not self.pollers.busy and not invoker.running and not running:
                return delivered
            if time.monotonic() > deadline:
                raise NotAtRest(f"executions {running}, invocations {invoker.running}, delivered {delivered}")
            if not moved:
                time.sleep(0.003)

    def tick(self, now: datetime | None = None) -> int:
        """Fire the schedules due by `now` (aware; default: the present). Returns how many."""
        return self.pollers.ticker.tick(now or datetime.now(UTC))

    def make_visible(self) -> int:
        """End every message's delay and visibility timeout, as if their time had passed. Returns how many messages there are."""
        count = 0
        for queue in sqs_backends[ACCOUNT][REGION].queues.values():
            for message in queue._messages:
                message.visible_at = message.delayed_until = 0.0
                count += 1
        return count

    def running_executions(self) -> list[str]:
        """ARNs of executions that have not ended."""
        machines = stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
        executions = [execution for machine in machines for execution in list(machine.executions)]
        return [e.execution_arn for e in executions if e.exec_status in (None, ExecutionStatus.RUNNING)]

    def _stop_executions(self, timeout_seconds: float = 10) -> None:
        """Executions left running would call AWS for real once moto is gone."""
        machines = stepfunctions_parser_backends[ACCOUNT][REGION].state_machines
        for machine in machines:
            for execution in list(machine.executions):
                if execution.exec_status in (None, ExecutionStatus.RUNNING):
                    execution.stop(stop_date=datetime.now(UTC), error="LocalStackStopped", cause="The local stack was stopped.")
        deadline = time.monotonic() + timeout_seconds
        while self.running_executions() and time.monotonic() < deadline:
            time.sleep(0.01)
