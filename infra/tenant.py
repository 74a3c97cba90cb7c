"""`make export`, `make import`, `make forget`: one account out of a deployment, into another, or gone (docs/operations.md).

Ends with 0 when it is done, 1 when it was refused or failed, 2 for a wrong call, 3 when the same command has to be started again later.
"""

import argparse
import sys
import time

from infra.command import act
from infra.tenant_data import Deployment, Refused
from infra.tenant_export import export, tenant_of
from infra.tenant_forget import forget
from infra.tenant_format import store
from infra.tenant_import import bring


def exported(here: Deployment, asked: argparse.Namespace) -> str:
    stay = asked.suspend == "stay"
    if asked.table:
        if asked.suspend:
            raise Refused("SUSPEND is of the account that is used, TABLE of an earlier one: take one of the two.")
        here = here.at(asked.table)
    made = export(here, tenant_of(here, asked.account), store(asked.to), suspend=bool(asked.suspend), stay=stay, anyway=asked.anyway)
    told = [f"{name} {section.count:,} ({section.bytes:,} bytes)" for name, section in made.sections.items()]
    told = [f"Account {made.tenant}: {', '.join(told)}; files have {made.files_bytes:,} bytes."]
    if made.secrets:
        told.append(
            f"{len(made.secrets)} secrets are in it sealed. Only the KMS key {made.kms_key} opens them: anywhere else they are lost."
        )
    if not made.at_rest:
        told.append("The account changed meanwhile: this export is of no one moment.")
    if stay:
        told.append("The account stays suspended; an operator makes it active again: PATCH auth/account/ with X-Account-Id.")
    return "\n".join(told)


def imported(here: Deployment, asked: argparse.Namespace) -> str:
    done = bring(here, store(asked.source))
    about = done.about
    if done.was_there:
        told = [f"Account {about.tenant} is here and is what the export has. Nothing was written."]
    else:
        told = [f"Account {about.tenant}: {done.items:,} items, {done.files:,} files, {done.users:,} users. Its ledger adds up."]
        told.append("Users set a new password by `POST auth/password/reset/`: passwords cannot be exported.")
    if done.lost:
        told.append("This deployment cannot open these secrets; they were left out and what needs them is switched off until given anew:")
        told += [f"  {lost}" for lost in done.lost]
    return "\n".join(told)


def forgotten(here: Deployment, asked: argparse.Namespace) -> str:
    done = forget(here, tenant_of(here, asked.account), asked.confirm, cancel=asked.cancel)
    if done.nothing:
        return "Nothing of this account is left."
    told = (
        f"Deleted: {done.items:,} items, {done.operations:,} of operations, {done.files:,} versions of files, {done.sign_ins:,} sign-ins."
    )
    return f"{told}\nBackups of the table (point-in-time recovery) hold it for 35 more days, logs for as long as docs/operations.md says."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make")
    commands = parser.add_subparsers(dest="command", required=True)
    out = commands.add_parser("export")
    out.add_argument("--account", required=True)
    out.add_argument("--to", required=True)
    out.add_argument("--suspend", default="", choices=("", "1", "stay"), help="1: shut the account meanwhile; stay: and afterwards")
    out.add_argument("--table", default="", help="a business table that a backup was restored to")
    out.add_argument("--anyway", action="store_true", help="also while work is under way")
    out.set_defaults(act=exported)
    into = commands.add_parser("import")
    into.add_argument("--from", dest="source", required=True)
    into.set_defaults(act=imported)
    gone = commands.add_parser("forget")
    gone.add_argument("--account", required=True)
    gone.add_argument("--confirm", required=True, help="the account's name")
    gone.add_argument("--cancel", action="store_true", help="end work that is under way")
    gone.set_defaults(act=forgotten)
    for command in (out, into, gone):
        command.add_argument("--stage", required=True)
    asked = parser.parse_args(arguments)
    for name in ("account", "to", "source", "confirm"):
        if getattr(asked, name, None) == "":
            parser.error(f"{'FROM' if name == 'source' else name.upper()} is missing")

    def done(here: Deployment) -> int:
        began = time.monotonic()
        print(asked.act(here, asked))
        print(f"{time.monotonic() - began:.1f} s")
        return 0

    return act(asked.stage, done)


if __name__ == "__main__":
    sys.exit(main())
