"""The server under test, and what its seeded users sign in with."""

import os
from dataclasses import dataclass
from pathlib import Path

PASSWORD = os.environ.get("DEMO_PASSWORD") or "Demo-pass-1!"


@dataclass(frozen=True)
class Target:
    """url: the server under test. mails: the folder where its mails land, when that is known."""

    url: str
    mails: Path | None
