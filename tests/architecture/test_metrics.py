"""Every alarm watches something that is emitted, and is explained; every metric is watched or at least explained."""

import ast
import json
import re
from typing import Any

import pytest

from infra import build, derive
from tests.architecture.source import ROOT, python, tree

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
OWN = {"Ref": "AWS::StackName"}


def emitted() -> dict[str, set[str]]:
    """Name of each metric that the code emits -> its dimensions beyond `service`."""
    found: dict[str, set[str]] = {}
    for path in python("chalicelib"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "count" and node.args:
                names = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                for name in names:
                    found.setdefault(name, set()).update(k.arg for k in node.keywords if k.arg not in (None, "value", "unit"))  # type: ignore[misc]
    return {name: dimensions for name, dimensions in found.items() if name[:1].isupper()}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return build.template("local")


@pytest.fixture(scope="module")
def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}


def test_the_metrics_are_found() -> None:
    assert {
        "RunsFailed",
        "RunCredits",
        "StageSeconds",
        "AIFailures",
        "LedgersBroken",
        "DripFailures",
        "PublishFailures",
    } <= emitted().keys()


def test_our_alarms_watch_what_the_code_emits(alarms: dict[str, dict[str, Any]]) -> None:
    ours, known = {n: a for n, a in alarms.items() if a.get("Namespace") == OWN}, emitted()
    assert len(ours) >= 15
    for name, alarm in ours.items():
        metric = alarm["MetricName"]
        assert metric in known, f"{name}: nothing emits {metric}"
        dimensions = [d["Name"] for d in alarm["Dimensions"]]
        assert dimensions[0] == "service" and alarm["Dimensions"][0]["Value"] == "igny8", name
        assert len(dimensions) <= 2 and set(dimensions[1:]) <= known[metric], f"{name}: {metric} has no dimension {dimensions[1:]}"


def test_the_metrics_are_emitted_into_the_namespace_that_alarms_watch(template: dict[str, Any]) -> None:
    assert template["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == OWN
    for name, function in derive.functions(template).items():
        assert "POWERTOOLS_METRICS_NAMESPACE" not in function["Environment"]["Variables"], f"{name} would emit elsewhere"


def test_every_alarm_tells_somebody_and_is_no_accident(alarms: dict[str, dict[str, Any]]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}], name
        assert alarm["AlarmDescription"].endswith(".") and alarm["TreatMissingData"] in ("notBreaching", "breaching"), name
        metrics = [m["MetricStat"] for m in alarm.get("Metrics", ()) if "MetricStat" in m]
        assert len(metrics) <= 10, f"{name}: CloudWatch allows ten metrics in an alarm"


def test_every_alarm_has_its_section_in_the_runbook(template: dict[str, Any], alarms: dict[str, dict[str, Any]]) -> None:
    headings = " ".join(re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE))
    errors = {f"{name}ErrorsAlarm" for name in derive.functions(template)}
    assert errors <= alarms.keys() and "`<Function>ErrorsAlarm`" in headings
    missing = [name for name in alarms.keys() - errors if not re.search(rf"\b{name}\b", headings)]
    assert not missing, f"docs/runbook.md has no section of {missing}"
    gone = [name for name in re.findall(r"\b\w+Alarm\b", headings) if name not in alarms and name != "ErrorsAlarm"]
    assert not gone, f"docs/runbook.md explains alarms that are not there: {gone}"


def test_every_metric_is_explained() -> None:
    missing = [name for name in emitted() if f"`{name}`" not in RUNBOOK]
    assert not missing, f"docs/runbook.md does not mention {missing}"


def test_the_dashboard_shows_what_is_there(template: dict[str, Any]) -> None:
    text = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets, known = json.loads(text)["widgets"], emitted()
    rows = [row for w in widgets for row in w["properties"]["metrics"]]
    own = [row[1] for row in rows if row[0] == "${AWS::StackName}"]
    own += [n for row in rows if isinstance(row[0], dict) for n in re.findall(r'MetricName="(\w+)"', row[0]["expression"])]
    assert len(own) >= 20 and set(own) <= known.keys()
    watched = {row[3] for row in rows if row[0] == "AWS/Lambda"}
    assert watched == {f"${{{name}}}" for name in derive.functions(template)}
    named = set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", text))
    assert named <= template["Resources"].keys()
