"""Calls routes in this process, as API Gateway would, in the name of any role of a tenant; the work they queue is done on demand."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.ai import tasks
from chalicelib.auth.accounts import ACCOUNT
from chalicelib.billing.credits import Ledger
from chalicelib.core.api import Igny8
from chalicelib.core.context import Context, Deps
from chalicelib.core.routing import BASE, Router
from chalicelib.core.scope import Scope
from chalicelib.integration import publish_requests, remote_jobs
from chalicelib.planner import keyword_uploads
from tests.answers import check_answer
from tests.fakes import RecordingJobs


def account(ctx: Context, credits: int = 1_000) -> None:
    """The account's record and its ledger, which contexts of the tests do without."""
    accounts, ledger = ctx.repository(ACCOUNT), Ledger(ctx.deps.table, ctx.tenant, ctx.deps.clock)
    accounts.create(accounts.new("", ctx.tenant, name="Tests", slug=ctx.tenant, plan="system", status="active"))
    ledger.open()
    if credits:
        ledger.grant("welcome", credits)


@dataclass(frozen=True)
class Reply:
    """data: of the success envelope; body: the whole JSON, or the text when it is none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.body["error"]
        return error

    @property
    def results(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["results"]
        return found


class Rest:
    """The API over `deps`; `scope` is who calls."""

    def __init__(self, routers: Iterable[Router], deps: Deps, scope: Scope) -> None:
        self.routers, self.deps, self.scope = tuple(routers), deps, scope
        self._app = Igny8(app_name="test")
        self._app.serve((route for router in self.routers for route in router.routes), lambda: deps, lambda deps, headers: scope)
        self._paths = sorted(self._app.table, key=lambda path: [part.startswith("{") for part in path.split("/")])

    @property
    def ctx(self) -> Context:
        return Context(self.scope, self.deps)

    def as_role(self, role: str, sites: Iterable[str] | None = None) -> "Rest":
        """The same account by another user."""
        granted = frozenset(sites) if sites is not None else None
        return Rest(self.routers, self.deps, Scope(self.scope.tenant, f"{role:0<10}"[:10], role, granted))

    def of_tenant(self, tenant: str) -> "Rest":
        """The owner of another account."""
        return Rest(self.routers, self.deps, Scope(tenant, "otherowner", "owner"))

    def get(self, path: str, **parameters: Any) -> Reply:
        return self.call("GET", path, parameters=parameters)

    def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.call("POST", path, body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> Reply:
        return self.call("PATCH", path, body, **options)

    def put(self, path: str, body: Any, **options: Any) -> Reply:
        return self.call("PUT", path, body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Reply:
        return self.call("DELETE", path, body, **options)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        mime: str = "application/json",
    ) -> Reply:
        """body: JSON, or bytes of type `mime`."""
        parts = urlsplit(path)
        full = f"{BASE}/{parts.path.strip('/')}"
        route, values = self._match(full)
        query = {**dict(parse_qsl(parts.query)), **{k: str(v) for k, v in (parameters or {}).items()}}
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        event = {
            "httpMethod": method,
            "headers": {"host": "api.test", **({"content-type": mime} if raw is not None else {}), **(headers or {})},
            "queryStringParameters": query or None,
            "pathParameters": values,
            "requestContext": {"resourcePath": route, "httpMethod": method, "path": full, "requestId": "request-1"},
            "body": base64.b64encode(raw).decode() if raw is not None else None,
            "isBase64Encoded": raw is not None,
        }
        sent = self._app(event, None)
        text = sent["body"]
        kind = sent["headers"].get("Content-Type", "")
        reply = Reply(sent["statusCode"], json.loads(text) if text and kind.startswith("application/json") else text, sent["headers"])
        if declared := self._app.table.get(route, {}).get(method):
            check_answer(declared, reply.status, reply.body)
        return reply

    def work_off(self) -> int:
        """Do what the queues hold, and what that queues in turn. Returns how many messages."""
        jobs, done = self.deps.jobs, 0
        assert isinstance(jobs, RecordingJobs)
        while jobs.sent:
            message = jobs.sent.pop(0)
            ctx = Context(Scope.worker(message.body["tenant"], message.body["user"]), self.deps)
            if message.queue == "publish" and "work" in message.body:
                remote_jobs.work(ctx, message.body, last=True)
            elif message.queue == "publish":
                publish_requests.work(ctx, message.body, last=True)
            elif message.body.get("kind") == keyword_uploads.KIND:
                keyword_uploads.work(ctx, message.body, last=True)
            else:
                tasks.work(ctx, message.body, last=True)
            done += 1
        return done

    def finished(self, reply: Reply) -> dict[str, Any]:
        """Do the work of a 202 and return the progress of its task."""
        assert reply.status == 202, reply.body
        self.work_off()
        shown: dict[str, Any] = self.get(f"system/settings/task_progress/{reply.data['task_id']}").data
        return shown

    def _match(self, full: str) -> tuple[str, dict[str, str]]:
        wanted = full.split("/")
        for path in self._paths:
            parts = path.split("/")
            if len(parts) == len(wanted) and all(p.startswith("{") or p == w for p, w in zip(parts, wanted, strict=True)):
                return path, {p[1:-1]: w for p, w in zip(parts, wanted, strict=True) if p.startswith("{")}
        return full, {}
