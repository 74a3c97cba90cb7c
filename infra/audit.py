"""`make audit`: does every account's ledger add up, and does everything that belongs together? Of this machine's data, or of a stage.

Only reads. STAGE=… audits that deployment, by the names in its stack's outputs; without it a copy of `.local/` is audited, which may be
in use meanwhile. Ends with 1 when something was found.
"""

import argparse
import sqlite3
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.context import Deps
from chalicelib.core.errors import AppError

LOCAL = "local"


def findings(deps: Deps) -> dict[str, list[str]]:
    """What is wrong, in words, by tenant."""
    from chalicelib.billing.audit import audit_accounts
    from infra.orphans import orphans

    found: dict[str, list[str]] = defaultdict(list)
    for part in (audit_accounts(deps.table), orphans(deps)):
        for tenant, lines in part.items():
            found[tenant] += lines
    return dict(found)


def report(deps: Deps) -> int:
    """Print what is wrong; the number of findings."""
    found = findings(deps)
    for tenant, lines in sorted(found.items()):
        print(f"account {tenant}")
        for line in lines:
            print(f"  {line}")
    count = sum(map(len, found.values()))
    print(f"{count} findings in {len(found)} accounts" if count else "every ledger adds up, and everything belongs to something")
    return count


def of_this_machine(data: Path) -> int:
    """Audit a copy of the local stack's data, as it is at this moment. Returns how much was found, 0 when there is no data."""
    if not (data / "state.sqlite3").exists():
        print(f"there is no data in {data}; make demo or make serve makes some")
        return 0
    from chalicelib import deps
    from infra.build import template
    from infra.local.session import quiet
    from infra.local.stack import LocalStack

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        quiet(copy)
        _copy(data / "state.sqlite3", copy / "state.sqlite3")
        with LocalStack(template(LOCAL), copy):
            deps.use(None)
            try:
                return report(deps.current())
            finally:
                deps.use(None)


def _copy(source: Path, to: Path) -> None:
    read, write = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(to)
    try:
        read.backup(write)
    finally:
        read.close()
        write.close()


def of_stage(stage: str) -> int:
    """Raises: BootstrapError when the stack cannot be read."""
    from chalicelib import deps
    from infra.bootstrap import enter

    enter(stage)
    return report(deps.current())


def main() -> int:
    from infra.bootstrap import BootstrapError
    from infra.local.session import DATA

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", default=LOCAL)
    asked = parser.parse_args()
    try:
        found = of_this_machine(DATA) if asked.stage == LOCAL else of_stage(asked.stage)
    except (BootstrapError, AppError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
