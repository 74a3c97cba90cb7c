"""Logs by AWS Lambda Powertools, metrics in CloudWatch's embedded format. Traces need no code: Lambda, API Gateway and Step Functions make
them, and every log line names its trace."""

import json
import logging
import os
import re
import sys
import time
from functools import cache
from typing import Any, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

SERVICE = "igny8"  # of every log line and metric
Unit = Literal["Count", "Seconds"]


# Forms of secrets that may be in what others send us: API keys, bearer and basic credentials, credentials in an address, JSON Web Tokens,
# WordPress application passwords (six groups of four), signatures of S3 addresses. The second line of defence: the first is that
# nothing secret is put into a log or an error. Each form takes time in proportion to the text, whatever that is.
_SECRETS = (
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}"),
    re.compile(r"\b(?:whsec|igny8|ghp|xox[bp])_[A-Za-z0-9_-]{12,}"),
    re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)?"),
    re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{16,}"),
    re.compile(r"(?i)(?<=\bbasic )[A-Za-z0-9+/=]{16,}"),
    re.compile(r"(?<=://)[^/\s:@\"'<>]{1,200}:[^/\s@\"'<>]{1,200}(?=@)"),
    re.compile(r"\b(?=[A-Za-z ]{0,28}\d)(?=[a-z0-9 ]{0,28}[A-Z])(?:[A-Za-z0-9]{4} ){5}[A-Za-z0-9]{4}\b"),
    re.compile(r"(?i)(?<=X-Amz-Signature=)[0-9a-f]{16,}"),
)
HIDDEN = "[hidden]"


def masked(text: str) -> str:
    """The text without what has the form of a secret."""
    for form in _SECRETS:
        text = form.sub(HIDDEN, text)
    return text


class _Masked(LambdaPowertoolsFormatter):
    """Powertools' JSON lines, masked at the very end: what a message, an extra field or an exception holds is text only here."""

    def serialize(self, log: Any) -> str:
        return masked(super().serialize(log))


# What these write at their lower levels are whole requests: passwords for Cognito, plain text for KMS. Nobody needs that in a log, so
# lowering the root logger's level does not bring it there.
_TALKATIVE = ("boto3", "botocore", "s3transfer", "urllib3", "openai", "httpx", "httpx2", "httpcore", "httpcore2")


@cache
def logger() -> Logger:
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    return Logger(service=SERVICE, logger_formatter=_Masked(use_rfc3339=True))


def count(name: str, value: float = 1, *, unit: Unit = "Count", **dimensions: str) -> None:
    """Emit one value of a metric: at once, as a line of its own, so that a process that ends loses none and threads share no collection.

    It counts in the metric as a whole, which alarms watch, and once more under its dimensions, by which a dashboard splits it.
    Source: CloudWatch, "Specification: Embedded metric format".
    """
    if os.environ.get("POWERTOOLS_METRICS_DISABLED") == "true":
        return
    sets = [["service"], ["service", *dimensions]] if dimensions else [["service"]]
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or SERVICE
    directive = {"Namespace": namespace, "Dimensions": sets, "Metrics": [{"Name": name, "Unit": unit}]}
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, "service": SERVICE, **dimensions, name: value}
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()
