"""A real WordPress on loopback for tests and demos: starts it, knows its accounts, brings about faults, and stops it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
START = HERE / "start-wordpress.sh"
START_SECONDS = 300  # the first start downloads WordPress; later ones take 2-4 s


@dataclass
class WordPressSite:
    """url: http://127.0.0.1:<port>. accounts: role -> (user name, application password). bridge_key: of the companion plugin, ''
    without it. version: WordPress's."""

    dir: Path
    port: int
    url: str = ""
    version: str = ""
    bridge_key: str = ""
    accounts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def start(self, *, fresh: bool = True, bridge: bool = True, permalinks: str = "") -> "WordPressSite":
        """Start it, installing what is missing. permalinks: `plain`, or empty for pretty ones.

        Raises: RuntimeError with what the script said.
        """
        command = ["bash", str(START), "start", "--dir", str(self.dir), "--port", str(self.port)]
        command += [*(["--fresh"] if fresh else []), *([] if bridge else ["--no-bridge"])]
        command += ["--permalinks", permalinks] if permalinks else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"WordPress did not start: {done.stderr[-2000:]}")
        env = dict(line.split("=", 1) for line in (self.dir / "wp-test.env").read_text().splitlines() if "=" in line)
        self.url, self.version, self.bridge_key = env["WP_URL"], env["WP_VERSION"], env.get("WP_BRIDGE_KEY", "")
        for role in ("ADMIN", "EDITOR", "AUTHOR", "CONTRIBUTOR", "SUBSCRIBER"):
            self.accounts[role.lower()] = (env[f"WP_{role}_USER"], env[f"WP_{role}_APP_PASSWORD"])
        return self

    def stop(self) -> None:
        """Stop the web server (and database) that `start` started, by their pid files."""
        subprocess.run(["bash", str(START), "stop", "--dir", str(self.dir)], capture_output=True, timeout=60, check=True)

    @contextmanager
    def fault(self, php: str, name: str = "fault") -> Iterator[Path]:
        """PHP code that runs as a must-use plugin in every request while the block lasts. It takes effect with the next request.

        php: without the opening tag.
        """
        file = self.dir / "www" / "wp-content" / "mu-plugins" / f"{name}.php"
        half = file.with_suffix(".new")
        half.write_text(f"<?php\n{php}\n")
        os.replace(half, file)
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)

    def php(self, code: str) -> str:
        """Run PHP inside WordPress (as wp-cli's `eval` would) and return what it prints. Raises: RuntimeError."""
        prelude = (
            "error_reporting(E_ALL & ~E_DEPRECATED);"
            f"$_SERVER['HTTP_HOST']='127.0.0.1:{self.port}';$_SERVER['REQUEST_URI']='/';$_SERVER['SERVER_PROTOCOL']='HTTP/1.1';"
            f"require '{self.dir}/www/wp-load.php';"
        )
        done = subprocess.run(["php", "-r", prelude + code], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(f"{done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout
