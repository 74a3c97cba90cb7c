"""One running product on this machine: the embedded stack, seeded, with its API on a loopback port. What serve and demo share."""

import errno
import fcntl
import json
import logging
import os
import shutil
import sqlite3
import warnings
from pathlib import Path
from types import TracebackType
from typing import IO

from infra.local.api_server import ApiServer
from infra.local.stack import LocalStack

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LOCAL_DATA") or ROOT / ".local")
DEFAULT_PORT = 8000


class Trouble(Exception):
    """Something the person at the keyboard can mend; the message says how."""


def wanted_port() -> int:
    """`$PORT`, or 8000. Raises: Trouble."""
    text = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65535:
        raise Trouble(f"PORT={text} is not a port number; use 1 to 65535.")
    return int(text)


class Session:
    """The product, running. fresh: begin with empty data; settings: further environment variables of the functions.

    Raises on entry: Trouble when the port or the data folder is in use.
    """

    def __init__(self, *, fresh: bool, port: int, settings: dict[str, str] | None = None, data: Path = DATA) -> None:
        self._fresh, self._port, self._settings, self.data = fresh, port, settings or {}, data
        self._lock: IO[str] | None = None

    def __enter__(self) -> "Session":
        self._take_data()
        quiet(self.data)
        from chalicelib import deps
        from infra.build import template
        from infra.local import landing
        from infra.local.seed import seed

        origins = {name: os.environ[name] for name in ("CORS_ORIGINS",) if name in os.environ}
        environment = {"THROTTLE": "off", **origins, **self._settings}
        self.stack = LocalStack(template("local"), self.data, self._port or None, environment=environment)
        try:
            try:
                self.stack.start()
            except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
                raise Trouble(f"{self.data}/state.sqlite3 is damaged ({error}). FRESH=1 starts with empty data.") from None
            deps.use(None)
            seed(deps.current())
            import app

            try:
                self.server = ApiServer(app.app, self._port, landing.pages(self.data))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise Trouble(f"Port {self._port} is taken by another program. Choose another: make … PORT={self._port + 1}") from None
            os.environ["PUBLIC_URL"] = self.server.url
            deps.use(None)
            self.server.start()
            self.stack.serve_events()
        except BaseException:
            self.stack.stop()
            self._release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from chalicelib import deps

        self.server.stop()
        self.stack.stop()
        deps.use(None)
        self._release()

    def _take_data(self) -> None:
        """One process at a time works on the data folder."""
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.data / "lock").open("a")
        except OSError as error:
            raise Trouble(f"The data folder {self.data} cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Trouble(f"{self.data.name}/ is in use by another `make serve` or `make demo`; stop that one first.") from None
        if self._fresh:
            for entry in self.data.iterdir():
                if entry.name != "lock":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _release(self) -> None:
        if self._lock:
            self._lock.close()


def quiet(data: Path = DATA) -> None:
    """Leave the terminal to our own words: warnings and chatter of libraries go nowhere, our log to `.local/log.jsonl`."""
    warnings.simplefilter("ignore")
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    from aws_lambda_powertools import Logger  # noqa: F401 - configures its handlers before we move ours

    from chalicelib.core.observability import logger

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.FileHandler(data / "log.jsonl")
    log = logger()
    for old in list(log._logger.handlers):
        handler.setFormatter(old.formatter)
        log._logger.removeHandler(old)
    log._logger.addHandler(handler)
