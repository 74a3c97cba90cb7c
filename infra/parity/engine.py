"""The second engine, ministack, as a process of its own on a loopback port; everything it keeps goes with its folder."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from infra.derive import ROOT

PYTHON = ROOT / ".venv-parity" / "bin" / "python"
REGION = "us-east-1"
START_SECONDS = 120  # a first start compiles three hundred thousand lines
LAMBDAS_AT_ONCE = 16  # each is a process that imports the app
SERVICES = (
    "apigateway", "cloudformation", "cognito-idp", "dynamodb", "dynamodbstreams", "events", "iam", "kms", "lambda", "logs", "monitoring",
    "s3", "secretsmanager", "sns", "sqs", "states", "sts",
)  # fmt: skip


class EngineError(Exception):
    """The engine does not start; the message says where its log is."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Engine:
    """with Engine(folder) as engine: its address and what a boto3 client needs are in `engine.environment`."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.port = folder, port or free_port()
        self.log = folder / "engine.log"
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of a process whose AWS is this engine. The keys open nothing elsewhere."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __enter__(self) -> "Engine":
        folders = {name: self.folder / name.lower() for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR")}
        for path in folders.values():
            path.mkdir(parents=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDA_", "MINISTACK_"))},
            **self.environment,
            **{name: str(path) for name, path in folders.items()},
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": ",".join(SERVICES),
            "AUTH": "true",  # policies are evaluated, signatures verified, mailed codes compared
            "IOT_MTLS_ENABLED": "0",  # it would listen on a fixed port
            "LAMBDA_ACCOUNT_CONCURRENCY": str(LAMBDAS_AT_ONCE),
            "LOG_LEVEL": "INFO",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(PYTHON), "-m", "ministack"],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, with the functions' processes in it
            )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5):
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.2)
        raise EngineError(f"ministack does not answer: {self.log}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        """Ends the engine and its functions' processes at once: what they know is thrown away with the folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
