"""Security rules that the template keeps, by their numbers in checkov, and why some do not apply: `python -m infra.rules <template>`.

checkov 3.3.30 itself brings 218 MB into an environment of its own (it pins boto3, packaging and networkx below ours) and took 52 s of CPU
for this template; this is what it said about it, rule by rule, and what it leaves out. A rule without a number is not in checkov.
"""

import argparse
import fnmatch
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import derive
from infra.derive import Json

Holds = Callable[[Json, Json], bool]  # properties of a resource, the whole template


@dataclass(frozen=True)
class Rule:
    """id: of checkov, or a name of ours. types: of CloudFormation, that it is about."""

    id: str
    says: str
    types: tuple[str, ...]
    holds: Holds


def _has(path: str, *values: Any) -> Holds:
    """A property, by its path, has one of these values; without any it only has to be there."""

    def holds(properties: Json, template: Json) -> bool:
        found: Any = properties
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return found in values if values else True

    return holds


def _closed(properties: Json, template: Json) -> bool:
    closed = properties.get("PublicAccessBlockConfiguration", {})
    return all(closed.get(n) is True for n in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"))


def _tls_only(properties: Json, template: Json) -> bool:
    """Some bucket policy denies what does not come by TLS; there is one bucket."""
    policies = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::S3::BucketPolicy"]
    statements = [s for p in policies for s in p["PolicyDocument"]["Statement"]]
    return any(s["Effect"] == "Deny" and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} for s in statements)


def _expires(properties: Json, template: Json) -> bool:
    rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
    return any("AbortIncompleteMultipartUpload" in r for r in rules) and any("NoncurrentVersionExpiration" in r for r in rules)


def _encrypted_queue(properties: Json, template: Json) -> bool:
    return properties.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in properties


def _is_redriven(properties: Json, template: Json) -> bool:
    """A queue that a function listens to has dead letters."""
    return "RedrivePolicy" in properties or properties.get("MessageRetentionPeriod", 0) == 1_209_600


def _plain_environment(properties: Json, template: Json) -> bool:
    """No value of an environment variable is a secret: keys have ARNs there."""
    variables = properties.get("Environment", {}).get("Variables", {})
    return not [n for n in variables if n.endswith(("_KEY", "_PASSWORD", "_TOKEN", "_SECRET")) and n != "KMS_KEY_ID"]


def _statements(properties: Json) -> Iterator[Json]:
    for policy in properties.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def _actions_by_name(properties: Json, template: Json) -> bool:
    actions = [a for s in _statements(properties) for a in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])]
    return not [a for a in actions if "*" in a]


# Source: AWS Service Authorization Reference: actions that know no resource.
_WITHOUT_RESOURCE: tuple[str, ...] = ("xray:", "states:SendTask", "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery")
_WITHOUT_RESOURCE += ("logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies")
_WITHOUT_RESOURCE += ("logs:DescribeLogGroups",)


def _resources_by_name(properties: Json, template: Json) -> bool:
    for statement in _statements(properties):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Resource"] == "*" and not all(a.startswith(_WITHOUT_RESOURCE) for a in actions):
            return False
    return True


def _throttled(properties: Json, template: Json) -> bool:
    return all(s.get("ThrottlingRateLimit") and s.get("ThrottlingBurstLimit") for s in properties.get("MethodSettings", [{}]))


def _logs(properties: Json, template: Json) -> bool:
    return properties.get("LoggingConfiguration", {}).get("Level") in ("ERROR", "ALL")


def _asked_at_sign_in(properties: Json, template: Json) -> bool:
    return properties["Policies"]["PasswordPolicy"]["MinimumLength"] >= 8


def _limited(properties: Json, template: Json) -> bool:
    """A concurrency of its own, or of the queue it listens to."""
    events = properties.get("Events", {}).values()
    return "ReservedConcurrentExecutions" in properties or any("ScalingConfig" in e["Properties"] for e in events)


FUNCTIONS, BUCKETS, TABLES = (derive.FUNCTION,), ("AWS::S3::Bucket",), ("AWS::DynamoDB::Table",)
API, MACHINES = ("AWS::Serverless::Api",), ("AWS::StepFunctions::StateMachine",)
RULES = (
    Rule("CKV_AWS_7", "keys rotate", ("AWS::KMS::Key",), _has("EnableKeyRotation", True)),
    Rule("CKV_AWS_18", "buckets log accesses", BUCKETS, _has("LoggingConfiguration")),
    Rule("CKV_AWS_19", "buckets are encrypted", BUCKETS, _has("BucketEncryption.ServerSideEncryptionConfiguration")),
    Rule("CKV_AWS_21", "buckets keep versions", BUCKETS, _has("VersioningConfiguration.Status", "Enabled")),
    Rule("CKV_AWS_53..56", "buckets are closed to the public in all four ways", BUCKETS, _closed),
    Rule("S3_TLS_ONLY", "buckets refuse what does not come by TLS", BUCKETS, _tls_only),
    Rule("CKV_AWS_300", "buckets end what was left unfinished or replaced", BUCKETS, _expires),
    Rule("CKV_AWS_26", "topics are encrypted", ("AWS::SNS::Topic",), _has("KmsMasterKeyId")),
    Rule("CKV_AWS_27", "queues are encrypted", ("AWS::SQS::Queue",), _encrypted_queue),
    Rule("SQS_DEAD_LETTERS", "queues have dead letters, which stay for 14 days", ("AWS::SQS::Queue",), _is_redriven),
    Rule(
        "CKV_AWS_28", "tables recover to a point in time", TABLES, _has("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", True)
    ),
    Rule("CKV_AWS_119", "tables are encrypted by a key of ours", TABLES, _has("SSESpecification.KMSMasterKeyId")),
    Rule("DYNAMODB_KMS", "tables are encrypted by KMS", TABLES, _has("SSESpecification.SSEType", "KMS")),
    Rule("CKV_AWS_45", "no secrets in environment variables", FUNCTIONS, _plain_environment),
    Rule("CKV_AWS_50", "functions are traced", FUNCTIONS, _has("Tracing", "Active")),
    Rule("CKV_AWS_115", "functions have a limit to their concurrency", FUNCTIONS, _limited),
    Rule("CKV_AWS_116", "functions have dead letters of their own", FUNCTIONS, _has("DeadLetterQueue")),
    Rule("CKV_AWS_117", "functions run in a VPC", FUNCTIONS, _has("VpcConfig")),
    Rule("CKV_AWS_173", "environment variables are encrypted by a key of ours", FUNCTIONS, _has("KmsKeyArn")),
    Rule(
        "CKV_AWS_363",
        "functions run on a supported Python",
        FUNCTIONS,
        _has("Runtime", "python3.11", "python3.12", "python3.13", "python3.14"),
    ),
    Rule("CKV_AWS_63", "roles name their actions", ("AWS::IAM::Role",), _actions_by_name),
    Rule("CKV_AWS_111", "roles name their resources", ("AWS::IAM::Role",), _resources_by_name),
    Rule("CKV_AWS_66", "logs end", ("AWS::Logs::LogGroup",), _has("RetentionInDays")),
    Rule("CKV_AWS_158", "logs are encrypted by a key of ours", ("AWS::Logs::LogGroup",), _has("KmsKeyId")),
    Rule("CKV_AWS_73", "the API is traced", API, _has("TracingEnabled", True)),
    Rule("CKV_AWS_76", "the API logs accesses", API, _has("AccessLogSetting")),
    Rule("CKV_AWS_120", "the API caches", API, _has("CacheClusterEnabled", True)),
    Rule("API_THROTTLED", "the API is throttled", API, _throttled),
    Rule("CKV_AWS_149", "secrets are encrypted by a key of ours", ("AWS::SecretsManager::Secret",), _has("KmsKeyId")),
    Rule("CKV_AWS_284", "state machines are traced", MACHINES, _has("TracingConfiguration.Enabled", True)),
    Rule("CKV_AWS_285", "state machines log", MACHINES, _logs),
    Rule("COGNITO_PROTECTED", "user pools cannot be deleted by mistake", ("AWS::Cognito::UserPool",), _has("DeletionProtection", "ACTIVE")),
    Rule("COGNITO_PASSWORDS", "passwords have eight characters at least", ("AWS::Cognito::UserPool",), _asked_at_sign_in),
)

# rule -> resources it is not held to (patterns of logical ids) -> why
SUPPRESSED: dict[str, dict[str, str]] = {
    "CKV_AWS_18": {
        "Bucket": "No file is public: each access is by a role or a signed address. CloudTrail's data events say more where wanted."
    },
    "CKV_AWS_26": {"AlarmTopic": "CloudWatch cannot publish by AWS's own key; an alarm's text holds names and figures, nobody's data."},
    "CKV_AWS_28": {"OpsTable": "What it holds expires: locks, progress, rate limits, logs of runs."},
    "CKV_AWS_119": {"*": "AWS's key for DynamoDB: one of our own adds its cost to every request and a way to lose all data with it."},
    "CKV_AWS_115": {
        "Stage*": "The state machine's map bounds how many items of a run are worked at once.",
        "RunControl": "Once at the beginning and the end of a run.",
    },
    "CKV_AWS_116": {
        "APIHandler": "Called and waited for; nothing is queued.",
        "Stage*": "Called and waited for by the state machine, which retries and records.",
        "RunControl": "As the stages.",
        "*Worker": "Their queues have dead letters.",
        "*": "Schedules: what one run misses the next one does, and an alarm watches each function's errors.",
    },
    "CKV_AWS_117": {"*": "There is nothing in a VPC to reach; in one, a NAT gateway would carry all calls of models and sites."},
    "CKV_AWS_149": {"*": "AWS's key for Secrets Manager: reading takes the role's permission either way."},
    "CKV_AWS_158": {"*": "Logs hold no contents and no secrets (masked); CloudWatch encrypts them by a key of its own."},
    "CKV_AWS_173": {"*": "They hold names and ARNs (CKV_AWS_45); Lambda encrypts them by a key of its own."},
    "CKV_AWS_76": {
        "RestAPI": "The function logs each request under the same id; access logs want a role for the whole account and region."
    },
    "CKV_AWS_120": {"RestAPI": "Answers are of one tenant and one moment; a cache would mix what must not be mixed."},
}


def findings(template: Json, suppressed: dict[str, dict[str, str]] | None = None) -> list[str]:
    """What breaks a rule that is not suppressed for it, and suppressions that suppress nothing; empty when all is well."""
    suppressed = SUPPRESSED if suppressed is None else suppressed
    found, needed = [], set()
    for rule in RULES:
        for name, resource in template["Resources"].items():
            if resource["Type"] not in rule.types or rule.holds(resource.get("Properties", {}), template):
                continue
            pattern = next((p for p in suppressed.get(rule.id, {}) if fnmatch.fnmatchcase(name, p)), None)
            if pattern is None:
                found.append(f"{rule.id}: {name} ({resource['Type']}): {rule.says}")
            needed.add((rule.id, pattern))
    idle = {(rule, pattern) for rule, patterns in suppressed.items() for pattern in patterns} - needed
    return [*found, *(f"{rule}: suppressed for {pattern}, which does not break it" for rule, pattern in sorted(idle))]


def main(arguments: list[str] | None = None) -> int:
    """Check. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.rules", description=__doc__)
    parser.add_argument("template", type=Path)
    template = json.loads(parser.parse_args(arguments).template.read_text(encoding="utf-8"))
    found = findings(template)
    print(
        "\n".join(
            [*found, f"{len(RULES)} rules, {len(found)} findings, {len(SUPPRESSED)} rules suppressed for some resources with a reason"]
        )
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
