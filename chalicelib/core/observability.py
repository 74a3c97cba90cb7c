"""Logs, metrics and traces by AWS Lambda Powertools; the tracer's SDK is loaded only when tracing is on."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer

NAMESPACE = "igny8"


@cache
def logger() -> Logger:
    return Logger(service="igny8", use_rfc3339=True)


@cache
def metrics() -> Metrics:
    return Metrics(namespace=NAMESPACE, service="igny8")


@cache
def tracer() -> "Tracer":
    """Lazily: the X-Ray SDK costs half a second of a cold start."""
    from aws_lambda_powertools import Tracer

    return Tracer(service="igny8")


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Add to a metric, flushed by the entry wrapper when the invocation ends."""
    for key, text in dimensions.items():
        metrics().add_dimension(key, text)
    metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def bind(**keys: Any) -> None:
    """Keys that every later log line of this invocation carries."""
    logger().append_keys(**keys)
