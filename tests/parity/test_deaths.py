"""Functions that are killed in the middle of a run, as Lambda's environments die: nothing is lost, nothing is done twice."""

import contextlib
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import boto3

from chalicelib import deps
from chalicelib.billing.audit import audit_account
from tests.adapters.fake_wordpress import FakeWordPress
from tests.e2e.blackbox.client import Api
from tests.e2e.blackbox.making import keywords
from tests.parity.conftest import Place
from tests.parity.waiting import until_run

WORDS = ("stove top espresso", "moka pot espresso", "espresso without machine", "manual espresso maker", "lever espresso maker")
FUNCTIONS = ("RunControl", *(f"Stage{n}" for n in range(1, 6)))  # a worker's message comes again after half an hour: too long to wait for
DEATHS = 2  # of each function, fewer than a state is tried again
DIED = {"Runtime.ExitError", "Runtime.Unknown"}  # at work, or while it started
LONGEST_LIFE_SECONDS = 1.2  # importing the app takes half a second, an item less than one


class Reaper:
    """Kills the first processes of each function, each at some moment of its first second. seed: of the moments."""

    def __init__(self, group: int, seed: int) -> None:
        self._group, self._random = group, random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._due: dict[int, float] = {}
        self.killed: dict[str, int] = dict.fromkeys(FUNCTIONS, 0)

    def __enter__(self) -> "Reaper":
        for pid in self._processes():  # from now on a process that is there has work
            self._kill(pid)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(0.02):
            now = time.monotonic()
            for pid, name in self._processes().items():
                due = self._due.setdefault(pid, now + self._random.uniform(0, LONGEST_LIFE_SECONDS))
                if now >= due and self.killed[name] < DEATHS:
                    self.killed[name] += 1
                    self._kill(pid)

    def _kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _processes(self) -> dict[int, str]:
        """The engine's processes that are environments of our functions."""
        found: dict[int, str] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if os.getpgid(int(folder.name)) != self._group:
                    continue
                variables = (folder / "environ").read_bytes().split(b"\0")
                name = next((v.partition(b"=")[2].decode() for v in variables if v.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")), "")
                short = name.removeprefix("igny8-local-").rpartition("-")[0]
                if short in FUNCTIONS:
                    found[int(folder.name)] = short
        return found


def _failures(machine: str, run: str) -> list[str]:
    """The errors of functions in the run's executions."""
    states = boto3.client("stepfunctions")
    executions = states.list_executions(stateMachineArn=machine)["executions"]
    found: list[str] = []
    for execution in executions:
        if run in execution["name"]:
            pages = states.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
            events: list[dict[str, Any]] = [event for page in pages for event in page["events"]]
            details = [event.get("lambdaFunctionFailedEventDetails") or event.get("taskFailedEventDetails") for event in events]
            found += [str(detail["error"]) for detail in details if detail]
    return found


def test_a_run_whose_functions_are_killed(owner: Api, where: Place, wordpress: FakeWordPress, outputs: dict[str, str]) -> None:
    keywords(owner, where, *WORDS)
    with Reaper(int(os.environ["PARITY_ENGINE"]), seed=7) as reaper:
        run = owner.post("automation/run_now/", {"site_id": where["site_id"]}, status=202).data["id"]
        shown = until_run(owner, run, "completed")
    assert all(reaper.killed.values()), reaper.killed
    failures = _failures(outputs["StateMachineArn"], run)
    assert failures and set(failures) <= DIED, failures
    assert [row["failed"] for row in shown["stages"]] == [0] * 7 and all(row["done"] for row in shown["stages"]), shown["stages"]
    pages = owner.every("writer/content/", **where)
    ideas = owner.every("planner/ideas/", **where)
    assert len(pages) == len(ideas) == len(owner.every("writer/tasks/", **where)) == len(wordpress.posts)
    assert {page["external_id"] for page in pages} == {str(number) for number in wordpress.posts}
    assert audit_account(deps.current().table, owner.get("auth/account/").data["id"], at_rest=False) == []
