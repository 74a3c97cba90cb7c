"""Logs, metrics and traces by AWS Lambda Powertools; the tracer's SDK is loaded only when tracing is on."""

import os
from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer

NAMESPACE = "igny8"


@cache
def logger() -> Logger:
    return Logger(service="igny8", use_rfc3339=True)


@cache
def tracer() -> "Tracer":
    """Lazily: the X-Ray SDK costs half a second of a cold start."""
    from aws_lambda_powertools import Tracer

    return Tracer(service="igny8")


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Emit a metric of its own, with its own dimensions: workers on threads share no collection."""
    if os.environ.get("POWERTOOLS_METRICS_DISABLED") == "true":
        return
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as metric:
        for key, text in dimensions.items():
            metric.add_dimension(name=key, value=text)
