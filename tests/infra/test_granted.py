"""Granted against used, both ways: an extra grant and a missing one are both named."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from infra import derive, granted, uses
from infra.build import template
from infra.granted import Grant, differences

USES: set[uses.Use] = {
    ("Stage3", "dynamodb:GetItem", "AppTable"),
    ("Stage3", "dynamodb:Query", "AppTable/index/byCL"),
    ("ImageWorker", "s3:PutObject", "Bucket/-/images/-"),
    ("ImageWorker", "kms:Decrypt", "*"),
}
GRANTS = [
    Grant("Stage3", "dynamodb:GetItem", "AppTable"),
    Grant("Stage3", "dynamodb:Query", "AppTable/index/byCL"),
    Grant("ImageWorker", "s3:PutObject", "Bucket/*/images/*"),
    Grant("ImageWorker", "kms:Decrypt", "SecretsKey"),
]


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    return template("local")


def test_what_is_used_is_granted_and_no_more() -> None:
    assert differences(GRANTS, USES) == []


@pytest.mark.parametrize("taken", range(len(GRANTS)))
def test_a_grant_that_is_taken_away_is_missed(taken: int) -> None:
    (line,) = differences([g for at, g in enumerate(GRANTS) if at != taken], USES)
    assert line.startswith(f"used and not granted: {GRANTS[taken].function}: {GRANTS[taken].action} on ")


@pytest.mark.parametrize(
    "extra",
    [
        Grant("Stage3", "dynamodb:DeleteItem", "AppTable"),
        Grant("Stage3", "dynamodb:Query", "AppTable/index/byV"),
        Grant("Stage3", "dynamodb:GetItem", "OpsTable"),
        Grant("ImageWorker", "s3:PutObject", "Bucket/*/prompts/*"),
        Grant("ImageWorker", "s3:GetObject", "Bucket/*/images/*"),
        Grant("ImageWorker", "kms:Encrypt", "SecretsKey"),
        Grant("Stage4", "dynamodb:GetItem", "AppTable"),
    ],
    ids=str,
)
def test_a_grant_that_nobody_uses_is_named(extra: Grant) -> None:
    assert differences([*GRANTS, extra], USES) == [f"granted and never used: {extra}"]


def test_another_functions_grant_does_not_count() -> None:
    assert differences([*GRANTS, Grant("Stage4", "dynamodb:PutItem", "AppTable")], {*USES, ("Stage3", "dynamodb:PutItem", "AppTable")}) == [
        "used and not granted: Stage3: dynamodb:PutItem on AppTable",
        "granted and never used: Stage4: dynamodb:PutItem on AppTable",
    ]


# -- of the template that is deployed


def test_every_function_has_grants_and_each_is_on_one_known_resource(declared: dict[str, Any]) -> None:
    found = list(granted.grants(declared))
    assert {grant.function for grant in found} == {*derive.functions(declared)}
    for grant in found:
        named = grant.resource.partition("/")[0]
        knows_none = grant.action.startswith(("xray:", "states:SendTask"))
        assert knows_none if grant.resource == "*" else named in declared["Resources"], str(grant)
        assert "*" not in grant.action


def test_lambdas_own_work_is_granted_and_nothing_else_is_called_that(declared: dict[str, Any]) -> None:
    """Logs, traces, and receiving from the function's queue are nobody's calls: the template says who needs them."""
    service = [*granted.of_the_service(declared)]
    assert {(function, resource) for function, action, resource in service if action == "sqs:ReceiveMessage"} == {
        ("AiWorker", "AiQueue"),
        ("ImageWorker", "ImagesQueue"),
        ("PublishWorker", "PublishQueue"),
    }
    of_service = {*granted.LOGS, *granted.TRACES, *granted.RECEIVES}
    assert differences([grant for grant in granted.grants(declared) if grant.action in of_service], service) == []


def test_the_templates_roles_are_what_is_compared(declared: dict[str, Any]) -> None:
    """Sabotage of the template itself: one action more and one less."""
    seen = {(g.function, g.action, g.resource) for g in granted.grants(declared)}
    changed = copy.deepcopy(declared)
    (table, *_) = changed["Resources"]["SweeperRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    table["Action"] = [a for a in table["Action"] if a != "dynamodb:UpdateItem"] + ["dynamodb:DeleteItem"]
    assert differences(granted.grants(changed), seen) == [
        "used and not granted: Sweeper: dynamodb:UpdateItem on AppTable",
        "granted and never used: Sweeper: dynamodb:DeleteItem on AppTable",
    ]


@pytest.mark.parametrize("missing", [False, True])
def test_make_test_fails_by_it_and_says_what_to_mend(
    declared: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: bool
) -> None:
    """What the suite's workers wrote, one of them without a call that nobody else makes."""
    seen = sorted((g.function, g.action, g.resource) for g in granted.grants(declared))
    seen.remove(("Sweeper", "dynamodb:UpdateItem", "AppTable")) if missing else None
    for worker in range(2):
        (tmp_path / f"{worker}.json").write_text(json.dumps(seen[worker::2]))
    assert granted.main([str(tmp_path)]) == int(missing)
    said = capsys.readouterr()
    assert ("granted and never used: Sweeper: dynamodb:UpdateItem on AppTable" in said.out) is missing
    assert ("Mend infra/permissions.yaml" in said.err) is missing


def test_only_plain_grants_are_understood(declared: dict[str, Any]) -> None:
    changed = copy.deepcopy(declared)
    changed["Resources"]["SweeperRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Effect"] = "Deny"
    with pytest.raises(ValueError, match="SweeperRole"):
        list(granted.grants(changed))
