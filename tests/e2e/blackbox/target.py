"""The server under test, what its seeded users sign in with, and where its mails land."""

import email
import email.policy
import os
from dataclasses import dataclass
from pathlib import Path

import requests

PASSWORD = os.environ.get("DEMO_PASSWORD") or "Demo-pass-1!"


@dataclass(frozen=True)
class Target:
    """url: the server under test. mails: where its mails land when that is known, a folder or an address that lists them."""

    url: str
    mails: Path | str | None

    def mailed(self, address: str) -> list[str]:
        """The texts of what was mailed to somebody, newest first."""
        if isinstance(self.mails, str):
            lists = requests.get(self.mails, timeout=30).json()["messages"].values()
            sent = [mail for mails in lists for mail in mails if address in mail["To"]]
            return [mail["BodyText"] for mail in sorted(sent, key=lambda mail: mail["Timestamp"], reverse=True)]
        assert self.mails is not None
        files = sorted(self.mails.rglob("*.eml"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [mail.get_content() for mail in mails if mail["To"] == address]
