"""The rules of the template: kept, each able to fail, each exception needed."""

import copy
from typing import Any

import pytest

from infra import limits, rules
from infra.build import template
from infra.limits import Measure


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    return template("prod")


def test_the_template_keeps_them(declared: dict[str, Any]) -> None:
    assert rules.findings(declared) == []


def test_each_is_about_something_that_is_there(declared: dict[str, Any]) -> None:
    there = {resource["Type"] for resource in declared["Resources"].values()}
    assert [rule.id for rule in rules.RULES if not set(rule.types) & there] == []
    assert len({rule.id for rule in rules.RULES}) == len(rules.RULES)
    assert set(rules.SUPPRESSED) <= {rule.id for rule in rules.RULES}


BREAK: dict[str, tuple[str, Any]] = {  # rule -> resource and what to change of it: (path, value), None takes it away
    "CKV_AWS_7": ("SecretsKey", ("EnableKeyRotation", False)),
    "CKV_AWS_19": ("Bucket", ("BucketEncryption", None)),
    "CKV_AWS_21": ("Bucket", ("VersioningConfiguration", None)),
    "CKV_AWS_53..56": ("Bucket", ("PublicAccessBlockConfiguration", {"BlockPublicAcls": True})),
    "S3_TLS_ONLY": ("BucketPolicy", ("PolicyDocument", {"Statement": []})),
    "CKV_AWS_300": ("Bucket", ("LifecycleConfiguration", None)),
    "CKV_AWS_27": ("AiDeadLetters", ("SqsManagedSseEnabled", False)),
    "SQS_DEAD_LETTERS": ("PublishQueue", ("RedrivePolicy", None)),
    "CKV_AWS_28": ("AppTable", ("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False})),
    "DYNAMODB_KMS": ("OpsTable", ("SSESpecification", None)),
    "CKV_AWS_45": ("Stage4", ("Environment", {"Variables": {"OPENAI_API_KEY": "sk-x"}})),
    "CKV_AWS_50": ("Sweeper", ("Tracing", "PassThrough")),
    "CKV_AWS_115": ("APIHandler", ("ReservedConcurrentExecutions", None)),
    "CKV_AWS_363": ("Stage1", ("Runtime", "python3.8")),
    "CKV_AWS_63": ("SweeperRole", ("Policies", [{"PolicyDocument": {"Statement": [{"Action": "dynamodb:*", "Resource": "x"}]}}])),
    "CKV_AWS_111": ("SweeperRole", ("Policies", [{"PolicyDocument": {"Statement": [{"Action": "dynamodb:GetItem", "Resource": "*"}]}}])),
    "CKV_AWS_66": ("Stage1Logs", ("RetentionInDays", None)),
    "CKV_AWS_73": ("RestAPI", ("TracingEnabled", False)),
    "API_THROTTLED": ("RestAPI", ("MethodSettings", [{"ThrottlingRateLimit": 5}])),
    "CKV_AWS_284": ("Pipeline", ("TracingConfiguration", None)),
    "CKV_AWS_285": ("Pipeline", ("LoggingConfiguration", {"Level": "OFF"})),
    "COGNITO_PROTECTED": ("UserPool", ("DeletionProtection", "INACTIVE")),
    "COGNITO_PASSWORDS": ("UserPool", ("Policies", {"PasswordPolicy": {"MinimumLength": 6}})),
}


@pytest.mark.parametrize("rule", BREAK)
def test_each_can_be_broken(declared: dict[str, Any], rule: str) -> None:
    broken = copy.deepcopy(declared)
    name, (key, value) = BREAK[rule]
    properties = broken["Resources"][name]["Properties"]
    if value is None:
        del properties[key]
    else:
        properties[key] = value
    assert [line.partition(":")[0] for line in rules.findings(broken)] == [rule]


def test_every_rule_is_broken_once_or_suppressed_for_something() -> None:
    assert {rule.id for rule in rules.RULES} == {*BREAK, *rules.SUPPRESSED}


@pytest.mark.parametrize("rule", rules.SUPPRESSED)
def test_an_exception_that_is_taken_away_is_missed(declared: dict[str, Any], rule: str) -> None:
    found = rules.findings(declared, {k: v for k, v in rules.SUPPRESSED.items() if k != rule})
    assert found and all(line.startswith(f"{rule}: ") for line in found)


def test_an_exception_that_nothing_needs_is_named(declared: dict[str, Any]) -> None:
    more = {**rules.SUPPRESSED, "CKV_AWS_7": {"SecretsKey": "because"}}
    assert rules.findings(declared, more) == ["CKV_AWS_7: suppressed for SecretsKey, which does not break it"]


class TestLimits:
    def test_the_template_is_within_them(self, declared: dict[str, Any]) -> None:
        assert [str(m) for m in limits.of_template(declared) if not m.fits] == []

    def test_what_sam_makes_is_counted(self) -> None:
        function = {"Type": "AWS::Serverless::Function", "Properties": {"Events": {"a": {}, "b": {}}}}
        assert limits.expanded({"Resources": {"F": function, "A": {"Type": "AWS::Serverless::Api"}, "T": {"Type": "X"}}}) == 3 + 4 + 2

    def test_an_environment_counts_names_and_what_references_become(self) -> None:
        shared = {"Function": {"Environment": {"Variables": {"AB": {"Ref": "Q"}}}}}
        own = {"Environment": {"Variables": {"C": "dé"}}}
        made = {"Globals": shared, "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": own}}}
        assert limits.environment_bytes(made) == {"F": 2 + len(limits.NAME) + 1 + 3}

    def test_an_api_has_a_resource_for_each_beginning_of_a_path(self) -> None:
        assert limits.path_parts(["/", "/a/b/{id}", "/a/c", "/a"]) == {"", "/a", "/a/b", "/a/b/{id}", "/a/c"}

    def test_the_api_and_the_schedules_reserve(self, declared: dict[str, Any]) -> None:
        assert limits.reserved(declared) == 50 + 4

    def test_more_than_the_most_does_not_fit(self) -> None:
        assert Measure("x", 5, 5).fits and not Measure("x", 6, 5).fits
        assert str(Measure("x", 6, 5)).startswith("! x")
