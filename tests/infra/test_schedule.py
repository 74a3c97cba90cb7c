"""EventBridge's schedule expressions."""

from datetime import UTC, datetime

import pytest

from infra.local.schedule import next_after

NOW = datetime(2026, 1, 31, 23, 58, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(5 minutes)", datetime(2026, 2, 1, 0, 3, 30, tzinfo=UTC)),
        ("rate(1 day)", datetime(2026, 2, 1, 23, 58, 30, tzinfo=UTC)),
        ("cron(0/15 * * * ? *)", datetime(2026, 2, 1, 0, 0, tzinfo=UTC)),
        ("cron(30 3 * * ? *)", datetime(2026, 2, 1, 3, 30, tzinfo=UTC)),
        ("cron(0 9 ? * MON-FRI *)", datetime(2026, 2, 2, 9, 0, tzinfo=UTC)),
        ("cron(0 0 29 FEB ? *)", datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
    ],
)
def test_the_next_time(expression: str, expected: datetime) -> None:
    assert next_after(expression, NOW) == expected


@pytest.mark.parametrize("expression", ["every day", "cron(0 25 * * ? *)", "rate(5 weeks)", "cron(0 0 1 1 ? 2020)"])
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        next_after(expression, NOW)
