"""What the engine's logs hold once everything else has run: nothing that our roles had refused, no function that crashed."""

import json
from typing import Any

import boto3

REFUSED = ("AccessDenied", "not authorized to perform", "crashed")


def _messages() -> list[tuple[str, str]]:
    logs = boto3.client("logs")
    groups = [g["logGroupName"] for page in logs.get_paginator("describe_log_groups").paginate() for g in page["logGroups"]]
    found: list[tuple[str, str]] = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        found += [(group, event["message"]) for page in pages for event in page["events"]]
    return found


def _told(message: str) -> str:
    try:
        line: dict[str, Any] = json.loads(message)
    except ValueError:
        return message[-500:]
    return f"{line.get('message')}: {str(line.get('exception', ''))[-500:]}"


def _by_rule(function: str) -> dict[str, Any]:
    """One invocation as a rule makes it."""
    event = {
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000",
        "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [], "detail": {},
    }  # fmt: skip
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return {"error": answer.get("FunctionError"), "payload": answer["Payload"].read().decode()}


def test_every_function_ran_and_none_was_refused_anything() -> None:
    found = [f for page in boto3.client("lambda").get_paginator("list_functions").paginate() for f in page["Functions"]]
    functions = {f["FunctionName"].removeprefix("igny8-local-").rpartition("-")[0]: f["FunctionName"] for f in found}
    for scheduled in ("Sweeper", "MonthlyGrant", "LedgerAudit"):  # their rules fire too seldom to wait for
        assert _by_rule(functions[scheduled])["error"] is None, scheduled
    messages = _messages()
    ran = {group.removeprefix("/aws/lambda/") for group, text in messages if text.startswith("START")}
    assert set(functions.values()) - ran == set()
    refused = {f"{group}: {_told(text)}" for group, text in messages if any(sign in text for sign in REFUSED)}
    assert not refused, "\n".join(sorted(refused))
