"""The state machine behind automation runs, by AWS Step Functions."""

import json
from typing import Any

from chalicelib.core.errors import NotFound, UpstreamUnavailable


class StepFunctions:
    def __init__(self, sfn: Any, machine_arn: str) -> None:
        self._sfn, self._machine = sfn, machine_arn

    def start(self, name: str, body: dict[str, Any]) -> str:
        try:
            arn: str = self._call("start_execution", stateMachineArn=self._machine, name=name, input=json.dumps(body))["executionArn"]
        except _AlreadyStarted:
            arn = self._machine.replace(":stateMachine:", ":execution:") + f":{name}"
        return arn

    def stop(self, arn: str, cause: str) -> None:
        try:
            self._call("stop_execution", executionArn=arn, error="Cancelled", cause=cause[:1000])
        except NotFound:
            return  # an execution that is gone is stopped

    def status(self, arn: str) -> str:
        try:
            status: str = self._call("describe_execution", executionArn=arn)["status"]
        except NotFound:
            return "UNKNOWN"
        return status

    def succeed(self, token: str, output: dict[str, Any]) -> None:
        self._token("send_task_success", taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        self._token("send_task_failure", taskToken=token, error=error[:256], cause=cause[:1000])

    def _token(self, operation: str, **ask: Any) -> None:
        """Answer a waiting task. Nobody waits any more (timed out, execution ended, answered before): the effect stands, nothing to do."""
        try:
            self._call(operation, **ask)
        except NotFound:
            return

    def _call(self, operation: str, **ask: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._sfn, operation)(**ask)
            return answer
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ExecutionAlreadyExists":
                raise _AlreadyStarted() from None
            if code in ("ExecutionDoesNotExist", "TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
                raise NotFound("There is no such execution.") from None
            raise UpstreamUnavailable(f"Step Functions: {code}.") from error
        except BotoCoreError as error:
            raise UpstreamUnavailable("Step Functions does not answer.") from error


class _AlreadyStarted(Exception):
    pass
