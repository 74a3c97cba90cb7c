"""What a run leaves: everything of the account but ids, times and counts of tries, so that two runs of the same work can be compared."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chalicelib.billing.audit import audit_account
from chalicelib.core.table import Query
from chalicelib.planner.clusters import CLUSTER
from chalicelib.planner.ideas import IDEA
from chalicelib.planner.keywords import KEYWORD
from chalicelib.writer.content import CONTENT, body_html
from chalicelib.writer.images import IMAGE
from chalicelib.writer.tasks import TASK
from tests.automation.accounts import Account

KINDS = {"keyword": KEYWORD, "cluster": CLUSTER, "idea": IDEA, "task": TASK, "content": CONTENT, "image": IMAGE}
NAMES = {"keyword": "keyword", "cluster": "name", "idea": "idea_title", "task": "title", "content": "title"}
# What differs from one run to the next by itself, or says how often something was tried.
VOLATILE = {"id", "version", "order", "provenance", "prompt_provenance", "attempts", "external_id", "external_url", "external_metadata"}
_UNCOUNTED = {"pk", "sk", "kind", "ttl", "version", "ai_requests"}  # who dies may ask a model again, and that counts
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z?")
_FILE = re.compile(r"[0-9a-z]{8,}(?:-v\d+)?\.(?:png|webp|jpe?g)")


@dataclass
class Verdict:
    """What is wrong with a run, by what it is. `well` when nothing is."""

    state: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not (self.state or self.doubled or self.ledger or self.stuck)

    def lines(self) -> list[str]:
        return [f"{name}: {line}" for name in ("stuck", "doubled", "ledger", "state") for line in getattr(self, name)]


def judge(account: Account, run_id: str, expected: list[str] | None = None, *, figures: bool = True) -> Verdict:
    """The account after its newest run. expected: `end_state` of the undisturbed run; figures: its runs' figures included."""
    verdict = Verdict()
    run = account.shown(run_id)
    if run["status"] != "completed":
        verdict.stuck.append(f"the run is {run['status']}: {run['reason']}")
    if account.runs.holder(account.site) is not None:
        verdict.stuck.append("the site is still locked")
    if active := account.ctx.deps.ops.query_all(Query("G#RUNS", consistent=True)):
        verdict.stuck.append(f"{len(active)} runs are listed as active")
    verdict.doubled += doubled(account)
    verdict.ledger += audit_account(account.ctx.deps.table, account.ctx.tenant, at_rest=True)
    charged, says = sum(int(i["used"]) for i in _holds(account)), sum(account.shown(i)["credits"] for i in all_runs(account))
    if charged != says:
        verdict.ledger.append(f"{charged} credits were charged, the runs say {says}")
    if expected is not None:
        now = Counter(end_state(account, run_id, figures=figures))
        then = Counter(expected)
        verdict.state += [f"too much: {line}"[:400] for line in sorted((now - then).elements())]
        verdict.state += [f"missing: {line}"[:400] for line in sorted((then - now).elements())]
    return verdict


def all_runs(account: Account) -> list[str]:
    """Ids of the site's runs, the oldest first."""
    return [r.id for r in account.runs.repository.under((f"{account.ctx.tenant}#{account.site}#R", ""))]


def doubled(account: Account) -> list[str]:
    """Objects and posts that are there more than once, by what makes them the same."""
    found: list[str] = []
    sames: dict[str, list[Any]] = {
        "cluster": [c["name"] for c in account.of("cluster")],
        "idea": [i["primary_keyword"] for i in account.of("idea")],
        "task": [t["idea"] for t in account.of("task")],
        "content": [c["task"] for c in account.of("content")],
        "image": [(i["content"], i["image_type"], i["position"]) for i in account.of("image")],
        "post": account.published(),
        "charge": [json.loads(i["facts"])["object_ids"][0] + i["operation_type"] for i in _holds(account) if i["used"]],
    }
    for kind, keys in sames.items():
        found += [f"{kind} {key} is there {n} times" for key, n in Counter(keys).items() if n > 1]
    return found


def end_state(account: Account, run_id: str, *, figures: bool = True) -> list[str]:
    """One line for each thing that the account has at the end. figures: the run's and the operations' too, not only objects."""
    records = {kind: [entity.from_item(i) for i in account.of(kind)] for kind, entity in KINDS.items()}  # type: ignore[attr-defined]
    names = {r.id: f"<{kind} {getattr(r, NAMES[kind])}>" for kind in NAMES for r in records[kind]}
    names |= {r.id.partition("-")[2]: name for kind in NAMES for r in records[kind] if (name := names[r.id])}

    def plain(text: str) -> str:
        for known in sorted(names, key=len, reverse=True):
            text = text.replace(known, names[known])
        return _FILE.sub("<file>", _TIME.sub("<time>", text))

    lines = [
        plain(f"{kind} {names.get(record.id, record.id)} {name}: {json.dumps(value, sort_keys=True, default=str)}")
        for kind, found in records.items()
        for record in found
        for name, value in record.model_dump().items()
        if name not in VOLATILE
    ]
    for content in records["content"]:
        lines.append(f"body of {names[content.id]}: {_short(plain(body_html(account.ctx, content)).encode())}")
    for image in records["image"]:
        lines.append(f"picture {plain(image.id)}: {_short(account.ctx.deps.files.get(image.image_path or ''))}")
    table = account.ctx.deps.table
    kept = [key for key in account.ctx.deps.files.list("") if _FILE.search(key)]
    lines.append(f"{len(kept)} files of pictures")
    lines += [f"post of {plain(i)}" for i in account.published()]
    if not figures:
        return lines
    run = account.shown(run_id)
    lines.append(f"run: {run['status']}, {run['reason']}, {run['waiting_for_review']} wait, {run['credits']} credits")
    lines += [f"stage: {json.dumps({k: v for k, v in s.items() if k != 'seconds'})}" for s in run["stages"]]
    lines += [f"usage: {i['operation_type']} {i['used']}" for i in _holds(account) if i["used"]]
    everything = [i for i in table.scan_all() if i["pk"].startswith(account.ctx.tenant)]
    lines += [f"{n} items of kind {kind}" for kind, n in Counter(i.get("kind", "none") for i in everything).items() if kind != "none"]
    for item in everything:  # maintained counts and the plan's use
        counts = {k: v for k, v in item.items() if k not in _UNCOUNTED and isinstance(v, int)}
        if "kind" not in item and not item["pk"].endswith("#B") and set(item) - _UNCOUNTED == set(counts):
            lines.append(f"count {plain(item['pk'])} {plain(item['sk'])}: {json.dumps(counts, sort_keys=True)}")
    return lines


def _holds(account: Account) -> list[dict[str, Any]]:
    """The ledger's operations that are work, envelopes left out."""
    query = Query(f"{account.ctx.tenant}#B", condition="begins_with(sk, :h)", values={":h": "H#"}, consistent=True)
    return [i for i in account.ctx.deps.table.query_all(query) if i.get("room") is None]


def _short(data: bytes) -> str:
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:12]}"
