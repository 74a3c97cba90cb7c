"""`make fuzz`: schemathesis over the whole OpenAPI document, all its checks, against the embedded stack with real objects in it."""

import itertools
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase

from chalicelib import deps as wiring
from chalicelib.auth.accounts import ACCOUNT
from infra.build import openapi, template
from infra.local.api_server import ApiServer, Gateway
from infra.local.seed import demo_context, seed
from infra.local.stack import LocalStack
from tests.fuzz.targets import Targets
from tests.fuzz.world import World, decoded

Json = dict[str, Any]
PHASES = ("coverage", "fuzzing", "stateful")
REACHED_MIN = 0.9
# What a request that fits the document may be answered with: a schema cannot say that an id must exist or a name be free.
BUSINESS = ["2xx", "302", "400", "401", "402", "403", "404", "409", "412", "413", "415"]
# How a request that does not fit may be refused: a version that is none is 412, as one that is no longer there.
REFUSALS = ["400", "401", "403", "404", "405", "409", "412", "413", "415"]
_ASKING = ("ignored_auth", "object_level_authorization", "use_after_free", "ensure_resource_availability")
_MADE_UP = 10  # one case in so many keeps the ids that were generated, which name nothing


@dataclass
class Findings:
    """reached: status -> number of answers of each operation; failures: (operation, what is wrong) -> how it was found."""

    answers: dict[str, dict[int, int]] = field(default_factory=dict)
    failures: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    operations: int = 0

    @property
    def reached(self) -> list[str]:
        """The operations that answered with a success (for a redirect: with that)."""
        return [name for name, answers in self.answers.items() if any(status < 400 for status in answers)]

    @property
    def requests(self) -> int:
        return sum(n for answers in self.answers.values() for n in answers.values())

    def answered(self, operation: str, status: int) -> None:
        answers = self.answers.setdefault(operation, {})
        answers[status] = answers.get(status, 0) + 1

    def add(self, recorder: Any) -> None:
        for case_id, exchange in recorder.interactions.items():
            if exchange.response is not None:
                self.answered(recorder.cases[case_id].value.operation.label, exchange.response.status_code)
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    self.failed(recorder.cases[case_id].value.operation.label, check.failure_info.failure, check.failure_info.code_sample)

    def failed(self, operation: str, failure: Failure, sample: str = "") -> None:
        self.failures.setdefault((operation, failure.title), []).append(f"{failure.message[:600]}\n{sample[:600]}".strip())


@contextmanager
def running(folder: Path) -> Iterator[tuple[Targets, str]]:
    """The seeded stack and its API on a loopback port: what to ask for, and the address."""
    import app as product

    with LocalStack(template("local"), data_dir=folder, environment={"THROTTLE": "off"}) as stack:
        wiring.use(None)
        seed(deps := wiring.current())
        account = demo_context(deps)[0]
        account.repository(ACCOUNT).patch(account.tenant, lambda present: {"plan": "system"})  # without limits
        server = ApiServer(product.app, 0)
        server.start()
        os.environ["PUBLIC_URL"] = server.url
        gateway = Gateway(product.app)

        def send(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
            status, _, answer = gateway.call(method, path, {name.lower(): value for name, value in headers.items()}, body)
            return status, decoded(answer)

        try:
            yield Targets(json.loads(openapi()), World(send, stack.drain)), server.url
        finally:
            os.environ.pop("PUBLIC_URL", None)
            server.stop()
            wiring.use(None)


def schema(
    targets: Targets, url: str, *, phases: tuple[str, ...] = (), examples: int = 1, number: int = 1, seconds: int | None = None
) -> Any:
    """The document as schemathesis sees it. phases: of `PHASES`; examples: generated ones of each operation in a phase; number: the
    random seed; seconds: stop after so many."""
    load_all_checks()
    config = SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "seed": number,
            "continue-on-failure": True,
            "max-redirects": 0,
            "request-timeout": 30,
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
            "phases": {name: {"enabled": name in phases} for name in ("examples", *PHASES)},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": BUSINESS},
                "negative_data_rejection": {"expected-statuses": REFUSALS},
            },
            **({"max-time": seconds} if seconds else {}),
        }
    )
    return schemathesis.openapi.from_dict(targets.document, config=config)


def reach(document: Any, targets: Targets, found: Findings, *, quick: bool = False) -> None:
    """Send each operation the request of its example with real objects in it, and check the answer in every way; quick: in those that
    need no further request."""
    left_out = [check for check in CHECKS.get_all() if check.__name__ in _ASKING] if quick else []
    for operation in (result.ok() for result in document.get_all_operations()):
        request = targets.request(operation.method, operation.path)
        case = operation.Case(
            path_parameters=request.path_parameters,
            query=request.query,
            headers=request.headers,
            body=NOT_SET if request.body is None else request.body,
            media_type=None if request.body is None else request.mime,
        )
        response = case.call(allow_redirects=False)
        found.answered(operation.label, response.status_code)
        try:
            case.validate_response(response, excluded_checks=left_out)
        except FailureGroup as several:
            for failure in several.exceptions:
                found.failed(operation.label, failure)
        except Failure as failure:
            found.failed(operation.label, failure)


def explore(document: Any, targets: Targets, found: Findings) -> None:
    """Run the phases that the document was made for."""
    numbers = itertools.count(1)

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: Json) -> None:
        _with_real_objects(case, targets, next(numbers))

    class Login:
        def get(self, case: Any, context: Any) -> str:
            return targets.token(case.method.lower(), case.path)

        def set(self, case: Any, data: str, context: Any) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    document.auth(refresh_interval=None)(Login)
    try:
        for event in from_schema(document).execute():
            if isinstance(event, events.ScenarioFinished):
                found.add(event.recorder)
            elif isinstance(event, events.NonFatalError):
                found.errors.append(f"{event.label}: {event.value!r}"[:500])
            elif isinstance(event, events.FatalError):
                raise event.exception
    finally:
        schemathesis.hooks.unregister(before_call)


def _with_real_objects(case: Any, targets: Targets, number: int) -> None:
    """Put real ids where the case names objects; what is wrong on purpose stays."""
    method, path, meta = case.method.lower(), case.path, case.meta
    if (method, path) not in targets.operations or meta is None:
        return  # a method that the path does not have
    if number % _MADE_UP == 0 or meta.phase.name == TestPhase.STATEFUL:
        return
    if case.path_parameters and not meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters = {**case.path_parameters, **targets.shared(method, path)}
    if case.query and not meta.is_negative_at(ParameterLocation.QUERY):
        case.query = targets.real(dict(case.query), path)
    if isinstance(case.body, dict) and case.media_type == "application/json":
        case.body = targets.real(case.body, path)


def main() -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    examples = int(os.environ.get("EXAMPLES") or 30)
    number = int(os.environ.get("SEED") or int(time.time()))
    seconds = int(os.environ["SECONDS_MAX"]) if os.environ.get("SECONDS_MAX") else None
    phases = tuple(os.environ["PHASES"].split(",")) if os.environ.get("PHASES") else PHASES
    load_all_checks()
    print(
        f"schemathesis {schemathesis.__version__}: {', '.join(phases)}; {len(CHECKS.get_all())} checks; SEED={number} EXAMPLES={examples}"
    )
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (targets, url):
        found = Findings(operations=len(targets.operations))
        reach(schema(targets, url), targets, found)
        print(f"{len(found.reached)} of {found.operations} operations answered their example with a success", flush=True)
        explore(schema(targets, url, phases=phases, examples=examples, number=number, seconds=seconds), targets, found)
        names = {f"{method.upper()} {path}" for method, path in targets.operations}
    for (operation, problem), cases in sorted(found.failures.items()):
        print(f"\n{operation}\n  {problem} ({len(cases)} times)\n  " + cases[0].replace("\n", "\n  "))
    for error in found.errors:
        print(f"\nnot tested: {error}")
    if missing := sorted(names - set(found.reached)):
        print("\nnever a success: " + ", ".join(missing))
    share = len(found.reached) / found.operations
    print(
        f"\n{found.requests} requests in {time.monotonic() - started:.0f} s; {len(found.reached)} of {found.operations} operations "
        f"({share:.0%}) answered with a success; {len(found.failures)} failures"
    )
    return 1 if found.failures or found.errors or share < REACHED_MIN else 0


if __name__ == "__main__":
    sys.exit(main())
