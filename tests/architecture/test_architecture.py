"""The rules of the house (docs/architecture): who may import whom, what happens at import, what is deployed, what a file may hold."""

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from infra import build, derive
from tests.architecture.source import ROOT, Import, at_import_time, files, imports, module, python, relative, tree

DOMAINS = frozenset(p.name for p in (ROOT / "chalicelib").iterdir() if p.is_dir()) - {"core", "adapters", "ai", "automation", "__pycache__"}
ENTRANCES = frozenset({"routes", "consumers", "lambdas"})  # ways in from outside; nobody inside goes through them
LAZY = ("openai", "numpy", "onnxruntime", "PIL")
MAX_LINES = 350
LONG_FILES: dict[str, str] = {}  # path -> why it may be longer


def part(name: str) -> str:
    """The part of the house a module belongs to: `app`, `ports`, `deps`, `core`, a domain, `ai`, `automation`, `adapters`; else ''."""
    pieces = name.split(".")
    if pieces[0] == "app":
        return "app"
    return pieces[1] if pieces[0] == "chalicelib" and len(pieces) > 1 else ""


MAY_IMPORT: dict[str, frozenset[str]] = {
    "ports": frozenset(),
    "core": frozenset({"core", "ports"}),
    "adapters": frozenset({"adapters", "ports", "core"}),
    "deps": frozenset({"adapters", "ports", "core"}),
    **{domain: frozenset({*DOMAINS, "core", "ports", "deps"}) for domain in DOMAINS},
    "ai": frozenset({*DOMAINS, "ai", "core", "ports", "deps"}),
    "automation": frozenset({*DOMAINS, "automation", "ai", "core", "ports", "deps"}),
}


def ours() -> list[tuple[Path, Import]]:
    return [(path, found) for path in python("app.py", "chalicelib") for found in imports(path)]


def broken(rule: list[str]) -> str:
    return "\n".join(["", *rule])


# --- layers -----------------------------------------------------------------------------------------------------------------------


def test_imports_run_from_core_to_domains_to_ai_to_automation_to_app() -> None:
    wrong = [
        str(found)
        for path, found in ours()
        if part(found.target) and part(module(path)) != "app" and part(found.target) not in MAY_IMPORT[part(module(path))]
    ]
    assert not wrong, broken(wrong)


def test_adapters_know_of_core_only_errors_and_config() -> None:
    allowed = {"chalicelib.core.errors", "chalicelib.core.config"}
    wrong = [str(f) for p, f in ours() if part(module(p)) == "adapters" and part(f.target) == "core" and f.target not in allowed]
    assert not wrong, broken(wrong)


def test_only_deps_imports_adapters() -> None:
    wrong = [str(f) for p, f in ours() if part(f.target) == "adapters" and part(module(p)) not in ("adapters", "deps")]
    assert not wrong, broken(wrong)


def test_nobody_goes_through_another_parts_entrance() -> None:
    wrong = [
        str(f)
        for p, f in ours()
        if f.target.rpartition(".")[2] in ENTRANCES and part(module(p)) not in ("app", part(f.target)) and part(f.target)
    ]
    assert not wrong, broken(wrong)


def test_chalice_is_known_only_where_requests_come_in() -> None:
    allowed = {"app.py", *(f"chalicelib/core/{name}.py" for name in ("api", "entry", "routing"))}
    wrong = [str(f) for _, f in ours() if f.target.split(".")[0] == "chalice" and f.file not in allowed]
    assert not wrong, broken(wrong)


def test_boto3_is_known_only_to_the_table_and_adapters() -> None:
    wrong = [
        str(f)
        for p, f in ours()
        if f.target.split(".")[0] in ("boto3", "botocore")
        and not f.typing_only
        and f.file != "chalicelib/core/table.py"
        and part(module(p)) != "adapters"
    ]
    assert not wrong, broken(wrong)


def test_what_ships_imports_only_what_ships() -> None:
    pinned = {line.split("==")[0].split("[")[0].strip().lower() for line in _lines("requirements.txt")}
    extra = {line.split("==")[0].strip().lower() for line in _lines("requirements-local.txt")}
    distribution = {"PIL": "pillow", "jwt": "pyjwt", "slugify": "python-slugify", "markdown_it": "markdown-it-py"}
    wrong = []
    for _, found in ours():
        top = found.target.split(".")[0]
        name = distribution.get(top, top).lower().replace("_", "-")
        known = {*sys.stdlib_module_names, "chalicelib", "app", "chalice", "boto3", "botocore"}
        optional = name in extra and found.file.startswith("chalicelib/adapters/offline_")
        if top not in known and not found.typing_only and not optional and not {name, top.lower()} & {p.replace("_", "-") for p in pinned}:
            wrong.append(f"{found}, which requirements.txt does not hold")
    assert not wrong, broken(wrong)


def _lines(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line and line[0] not in "#-"]


# --- import time ------------------------------------------------------------------------------------------------------------------


def test_no_environment_is_read_at_import() -> None:
    wrong = []
    for path in python("app.py", "chalicelib"):
        for node in at_import_time(tree(path)):
            if isinstance(node, ast.Attribute | ast.Call) and re.match(r"os\.(environ|getenv)\b", ast.unparse(node)):
                wrong.append(f"{relative(path)}:{node.lineno} reads the environment at import")
    assert not wrong, broken(wrong)


def test_no_client_is_made_at_import() -> None:
    wrong = []
    for path in python("app.py", "chalicelib"):
        for node in at_import_time(tree(path)):
            if isinstance(node, ast.Call) and re.search(r"\b(boto3\.|Session\(|\.client\(|\.resource\()", ast.unparse(node.func) + "("):
                wrong.append(f"{relative(path)}:{node.lineno} makes a client at import")
    assert not wrong, broken(wrong)


def test_the_app_starts_without_what_is_slow_to_load() -> None:
    code = f"import app, sys; print(*sorted(set(sys.modules) & set({LAZY!r})))"
    assert _python(code).split() == []


def _python(code: str) -> str:
    """Output of a fresh interpreter at the root, with nothing in its environment that a deployment would not have."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what is deployed -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template of a deployment; making it runs Chalice's own validation, which `chalice package` leaves out."""
    return build.template("dev")


def test_every_packaged_handler_imports_by_itself(template: dict[str, Any]) -> None:
    """AWS imports the handler's module alone, without app.py (chalice#1566); the test client would hide that."""
    handlers = [f["Handler"] for f in derive.functions(template).values()]
    by_module: dict[str, list[str]] = defaultdict(list)
    for handler in handlers:
        by_module[handler.rpartition(".")[0]].append(handler.rpartition(".")[2])
    for name, attributes in by_module.items():
        code = f"import {name} as m; print(*[a for a in {attributes!r} if not callable(getattr(m, a, None))])"
        assert _python(code).split() == [], f"{name} lacks handlers"


def test_no_two_functions_share_a_handler(template: dict[str, Any]) -> None:
    counted = Counter(f["Handler"] for f in derive.functions(template).values())
    assert [handler for handler, n in counted.items() if n > 1] == []


def test_functions_that_report_partial_failures_are_exactly_the_consumers(template: dict[str, Any]) -> None:
    for name, function in derive.functions(template).items():
        for event in function.get("Events", {}).values():
            reports = event["Properties"].get("FunctionResponseTypes") == ["ReportBatchItemFailures"]
            assert reports == (event["Type"] in ("SQS", "DynamoDB")), name


def test_every_function_has_its_own_role_and_never_scans(template: dict[str, Any]) -> None:
    roles = [str(f["Role"]) for f in derive.functions(template).values()]
    assert len(set(roles)) == len(roles)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                    assert not any(a.endswith("*") or a == "dynamodb:Scan" for a in actions), (name, actions)


@pytest.fixture(scope="module")
def paths() -> list[str]:
    return list(build.chalice_config("dev").chalice_app.routes)


def test_no_route_ends_with_a_slash(paths: list[str]) -> None:
    assert [p for p in paths if p != "/" and p.endswith("/")] == []


def test_one_variable_name_at_one_place_of_a_path(paths: list[str]) -> None:
    """API Gateway refuses /a/{id} beside /a/{name}/b; Chalice and cfn-lint do not notice."""
    named: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        pieces = path.split("/")
        for index, piece in enumerate(pieces):
            if piece.startswith("{"):
                before = "/".join("{}" if p.startswith("{") else p for p in pieces[:index])
                named[before].add(piece)
    assert {place: names for place, names in named.items() if len(names) > 1} == {}


# --- what a file may hold ---------------------------------------------------------------------------------------------------------


def test_no_file_is_too_long_to_read() -> None:
    long = {relative(p): n for p in python("app.py", "chalicelib", "infra", "tests") if (n := p.read_bytes().count(b"\n")) > MAX_LINES}
    assert {path: lines for path, lines in long.items() if path not in LONG_FILES} == {}
    assert [path for path in LONG_FILES if path not in long] == [], "these are short enough again"


def test_nothing_is_patched() -> None:
    """Dependencies are passed; a patch tests the import, not the code."""
    wrong = [
        f"{relative(path)}: {word}"
        for path in python("tests", "chalicelib", "infra")
        for word in ("mock" + ".patch", "unittest" + ".mock", "mocker" + ".patch")
        if word in path.read_text(encoding="utf-8")
    ]
    assert not wrong, broken(wrong)


def test_no_vague_module_names() -> None:
    assert [relative(p) for p in python("chalicelib", "infra") if re.search(r"(util|helper|manager|misc|common)s?$", p.stem)] == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    # In pieces, so that this file does not hold what it looks for.
    words = [
        "/work" + "/",
        "/ro" + "ot/",
        "/opt" + "/pypi",
        "/opt" + "/wheels",
        "/tmp" + "/brief",
        "files.python" + "hosted",
        "/Users" + "/",
    ]
    words += ["registry.npm" + "js", "pypi.org" + "/simple", "artifact" + "ory", "extra-index" + "-url", "find-" + "links"]
    wrong = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{relative(path)} holds {word!r}" for word in words if word in text]
    assert not wrong, broken(wrong)
