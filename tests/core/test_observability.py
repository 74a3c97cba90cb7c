"""The log's second line of defence: what has the form of a secret is masked, whatever else a text says stays. And metrics, none lost."""

import io
import json
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.core.observability import HIDDEN, _Masked, count, logger, masked

ROOT = Path(__file__).resolve().parents[2]

SECRETS = (
    "sk-proj-0123456789abcdefghij",
    "sk-Ab3dEf6hIj9kLm2nOp5q",
    "whsec_0123456789abcdef",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlLW9mLWl0",
    "Ab3d Ef6h Ij9k Lm2n Op5q Rs8t",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_has_the_form_of_a_secret_is_masked(secret: str) -> None:
    for text in (secret, f"key {secret}.", json.dumps({"detail": f'"{secret}"'}), f"a={secret}&b=1"):
        assert secret not in masked(text) and HIDDEN in masked(text)


def test_what_stands_beside_a_secret_stays() -> None:
    assert masked("https://bob:pa55w0rd@site.test/x?y=1") == f"https://{HIDDEN}@site.test/x?y=1"
    assert masked("Authorization: Bearer abcdef0123456789; next") == f"Authorization: Bearer {HIDDEN}; next"
    assert masked("authorization: basic dXNlcjpwYXNzd29yZA==") == f"authorization: basic {HIDDEN}"
    signed = "https://files.test/a.png?X-Amz-Signature=0123456789abcdef0123456789abcdef&X-Amz-Date=1"
    assert masked(signed) == f"https://files.test/a.png?X-Amz-Signature={HIDDEN}&X-Amz-Date=1"


@pytest.mark.parametrize(
    "text",
    [
        "when your beer cost more than that",  # six words of four letters
        "run.0k2f5m-01m7w8abekv4rsj255vazwbm06.4.0k2f5m34v0-01m7w88mzsf6m11hze31q07bmn",
        "https://example.com:8443/path?mail=a@b.test",
        "a risk-based approach, a task-oriented one, basic knowledge of the bearer",
        "2026-11-20T10:14:32.090Z 1200x675 0123456789",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert masked(text) == text


def test_every_part_of_a_log_line_is_masked() -> None:
    stream, secret = io.StringIO(), SECRETS[0]
    log = logging.Logger("here")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Masked(use_rfc3339=True))
    log.addHandler(handler)
    try:
        raise ValueError(f"the key {secret}")
    except ValueError:
        log.exception("%s failed", secret, extra={"detail": {"deep": [secret]}})
    line = json.loads(stream.getvalue())
    assert secret not in stream.getvalue() and line["message"] == f"{HIDDEN} failed"
    assert line["detail"] == {"deep": [HIDDEN]} and HIDDEN in line["exception"] and HIDDEN in json.dumps(line["stack_trace"])


def test_our_logger_masks_and_libraries_are_quiet() -> None:
    assert any(isinstance(handler.formatter, _Masked) for handler in logger()._logger.handlers)
    assert logging.getLogger("botocore.parsers").getEffectiveLevel() >= logging.WARNING


def test_a_metric_is_a_line_of_its_own_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted in the whole, which alarms watch, and under its dimensions."""
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "igny8-dev")
    count("StageSeconds", 12.5, unit="Seconds", Stage="4")
    count("RunsFailed")
    split, whole = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    directive = split["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "igny8-dev" and directive["Dimensions"] == [["service"], ["service", "Stage"]]
    assert directive["Metrics"] == [{"Name": "StageSeconds", "Unit": "Seconds"}]
    assert (split["service"], split["Stage"], split["StageSeconds"]) == ("igny8", "4", 12.5)
    assert abs(split["_aws"]["Timestamp"] / 1000 - time.time()) < 60
    assert whole["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]] and whole["RunsFailed"] == 1


def test_metrics_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    count("RunsFailed")
    assert capsys.readouterr().out == ""


def test_metrics_of_many_threads_are_whole_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: count("ItemsFailed", Stage=str(n)), range(200)))
    assert {json.loads(line)["Stage"] for line in capsys.readouterr().out.splitlines()} == {str(n) for n in range(200)}


def test_a_process_that_ends_at_once_loses_no_metric() -> None:
    program = "import os; from chalicelib.core.observability import count; count('RunsFailed'); os._exit(0)"
    environment = {k: v for k, v in os.environ.items() if k != "POWERTOOLS_METRICS_DISABLED"}
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["RunsFailed"] == 1


@pytest.mark.parametrize("unit", ["-eyJaaaaaaaa", "eyJ", "bearer ", "://a:", "abcd ", "sk-", "a1B2 "])
def test_masking_takes_time_in_proportion_to_the_text(unit: str) -> None:
    """With its square, a megabyte would take minutes."""
    text = unit * (1_000_000 // len(unit))
    assert len(masked(text)) <= len(text) + 100 * len(HIDDEN)


def test_what_others_send_begins_no_line_of_its_own() -> None:
    out = io.StringIO()
    log = logging.getLogger("lines")
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Masked(use_rfc3339=True))
    log.addHandler(handler)
    log.warning("failed", extra={"detail": 'x\n{"level":"INFO","message":"account crossing"}\r\u2028y'})
    lines = out.getvalue().rstrip("\n").split("\n")  # as CloudWatch does
    assert len(lines) == 1 and "\r" not in lines[0] and json.loads(lines[0])["message"] == "failed"
