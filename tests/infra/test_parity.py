"""What the second engine is given instead of the package: each swap is needed, and its runtime answers as AWS's do. None runs here."""

import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra import derive
from infra.build import template
from infra.parity import swaps
from tests.parity import plugin
from tests.parity.exceptions import EXCEPTIONS
from tests.parity.table import Row, rows, sound, table

HERE = swaps.Here(Path("/runtime"), keys='{"keys": []}', address="http://127.0.0.1:1/api")
HANDLERS = """
class OutOfLuck(Exception):
    pass

def lucky(event, context):
    return {"given": event, "left": context.get_remaining_time_in_millis() > 0, "by": context.function_name}

def unlucky(event, context):
    raise OutOfLuck("no luck")
"""


@pytest.fixture(scope="module")
def packaged() -> dict[str, Any]:
    return template("local")


@pytest.mark.parametrize("swap", swaps.SWAPS, ids=lambda swap: swap.what)
def test_each_swap_changes_something(packaged: dict[str, Any], swap: swaps.Swap) -> None:
    changed = json.loads(json.dumps(packaged))
    swap.change(changed, HERE)
    assert changed != packaged and swap.why


def test_nothing_but_what_is_named_is_swapped(packaged: dict[str, Any]) -> None:
    before = json.dumps(packaged)
    changed = swaps.swapped(packaged, HERE)
    assert json.dumps(packaged) == before
    gone = packaged["Resources"].keys() - changed["Resources"].keys()
    kinds = {packaged["Resources"][name]["Type"] for name in gone}
    assert kinds == {"AWS::S3::BucketPolicy", "AWS::CloudWatch::Alarm"} and changed["Parameters"] == packaged["Parameters"]
    assert {properties["Handler"] for properties in derive.functions(changed).values()} == {
        properties["Handler"] for properties in derive.functions(packaged).values()
    }


class RuntimeApi(BaseHTTPRequestHandler):
    """Lambda's side: hands out one event, takes what the runtime posts, then refuses to go on."""

    posted: list[tuple[str, Any]]
    events: list[bytes]

    def do_GET(self) -> None:
        if not self.events:
            self.send_error(410)
            return
        self._answer(self.events.pop(), {"Lambda-Runtime-Deadline-Ms": "9999999999999", "Lambda-Runtime-Aws-Request-Id": "r1"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.posted.append((self.path.partition("/runtime/")[2], body))
        self._answer(b"", {})

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def runtime_api() -> Iterator[ThreadingHTTPServer]:
    RuntimeApi.posted, RuntimeApi.events = [], [b'{"n": 1}']
    server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("handler", "posts"),
    [
        ("handlers.lucky", [("invocation/r1/response", {"given": {"n": 1}, "left": True, "by": "f"})]),
        ("handlers.unlucky", [("invocation/r1/error", {"errorType": "OutOfLuck", "errorMessage": "no luck"})]),
        ("handlers.absent", [("init/error", {"errorType": "AttributeError"})]),
    ],
)
def test_the_bootstrap_in_the_zip_serves_a_handler(
    runtime_api: ThreadingHTTPServer, tmp_path: Path, handler: str, posts: list[tuple[str, dict[str, Any]]]
) -> None:
    package, target = tmp_path / "package.zip", tmp_path / "deployed.zip"
    with zipfile.ZipFile(package, "w") as packed:
        packed.writestr("handlers.py", HANDLERS)
    swaps.with_bootstrap(package, target)
    with zipfile.ZipFile(target) as packed:
        assert packed.getinfo("bootstrap").external_attr >> 16 == 0o755
        packed.extractall(tmp_path / "task")
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime_api.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "LAMBDA_TASK_ROOT": str(tmp_path / "task"),
        "RUNTIME": str(tmp_path),
        "_HANDLER": handler,
        "PATH": os.defpath,
    }
    command = [sys.executable, "-IBS", str(tmp_path / "task" / "bootstrap")]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0  # nobody had another event for it
    assert [path for path, _ in RuntimeApi.posted] == [path for path, _ in posts]
    for (_, body), (_, wanted) in zip(RuntimeApi.posted, posts, strict=True):
        assert body.items() >= wanted.items()


class Collected:
    """What the plugin needs of a collected test."""

    def __init__(self, nodeid: str) -> None:
        self.nodeid, self.markers = nodeid, list[pytest.MarkDecorator]()

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.markers.append(marker)


def test_an_exception_has_to_fail_and_must_be_a_test() -> None:
    named, other = Collected(next(iter(EXCEPTIONS))), Collected("tests/e2e/blackbox/test_blackbox.py::test_other")
    plugin.pytest_collection_modifyitems([named, other])  # type: ignore[list-item]
    (marker,) = named.markers
    assert marker.name == "xfail" and marker.kwargs["strict"] is True and marker.kwargs["reason"]
    assert other.markers == []
    with pytest.raises(pytest.UsageError, match="no test any more"):
        plugin.pytest_collection_modifyitems([other])  # type: ignore[list-item]


def test_the_table_says_what_failed_and_what_never_ran(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = (
        '<testcase classname="tests.e2e.blackbox.test_blackbox" name="test_a" time="1.5"/>'
        '<testcase classname="tests.e2e.blackbox.test_blackbox" name="test_b"><skipped message="because"/></testcase>'
        '<testcase classname="tests.parity.test_operations" name="test_policies_are_in_force"><failure/></testcase>'
    )
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    found = rows([report, tmp_path / "none.xml"])
    text = table(found)
    assert "skipped: test_b: because" in text and "FAILED: test_policies_are_in_force" in text
    assert not sound(found)
    assert not sound([Row("never ran")]) and sound([Row("ran", tests=1, passed=1)])
