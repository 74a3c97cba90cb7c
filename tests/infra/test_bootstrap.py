"""The first things on a new deployment: twice the same, and clear words when there is no deployment."""

import os
import subprocess
import sys
from collections.abc import Iterator

import boto3
import pytest

from chalicelib import deps
from chalicelib.auth.sessions import login
from chalicelib.core.scope import Scope
from infra import bootstrap
from infra.build import template
from infra.local.stack import LocalStack
from tests.infra.tenant_scene import ROOT


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(template("local")) as running:
        deps.use(None)
        yield running
    deps.use(None)


def test_the_template_gives_all_that_is_needed(stack: LocalStack) -> None:
    found = bootstrap.settings(stack.stack.outputs, "dev")
    assert found == {"STAGE": "dev", **{v: os.environ[v] for v in bootstrap.SETTINGS.values()}}


def test_missing_outputs_are_named() -> None:
    with pytest.raises(bootstrap.BootstrapError, match="OpsTableName"):
        bootstrap.settings({"TableName": "t"}, "dev")


def test_no_such_stack(stack: LocalStack) -> None:
    with pytest.raises(bootstrap.BootstrapError, match="make deploy STAGE=nowhere"):
        bootstrap.stack_outputs(boto3.client("cloudformation"), "nowhere")


def test_the_operator_signs_in_and_a_second_time_changes_nothing(stack: LocalStack) -> None:
    told = bootstrap.install("operator@example.com")
    password = told.split("shown once: ")[1].split("\n")[0]
    answer = login(deps.current(), "operator@example.com", password, lambda ctx: 0)
    assert answer["user"]["role"] == "developer"
    assert Scope(tenant="x", user_id="y", role=answer["user"]["role"]).allows("developer")
    again = bootstrap.install("operator@example.com")
    assert "exists already" in again
    assert "0 plans, 0 industries, 0 sectors, 0 seed keywords" in again


def test_a_second_operator_is_invited_by_the_first(stack: LocalStack) -> None:
    bootstrap.install("operator@example.com")
    with pytest.raises(bootstrap.BootstrapError, match=r"can invite other@example\.com"):
        bootstrap.install("other@example.com")


@pytest.mark.parametrize("command", ["bootstrap --stage dev --email a@b.test", "audit --stage dev"])
def test_without_a_region_one_line_says_so(command: str) -> None:
    """As on a machine where nobody has set AWS up."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {"AWS_CONFIG_FILE": os.devnull}
    words = [sys.executable, "-m", *f"infra.{command}".split()]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (1, 2)
    assert done.stderr.strip().splitlines() == ["You must specify a region."]
