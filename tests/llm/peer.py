"""The local model's server as a child of this process: started, asked where it answers, and ended whatever happens."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from chalicelib.adapters.openai_text import OpenAITextModel
from chalicelib.adapters.safe_http import SafeHttp

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-llm" / "bin" / "python"
API_KEY = "local-model-server-key"
LOG = ROOT / "build" / "llm-server.log"


@dataclass(frozen=True)
class Settings:
    """context: tokens of prompt and answer together, which also ends an answer that never ends; niceness: of the server's process;
    sampling: the server's defaults, by llama.cpp's names."""

    alias: str = "smollm2-135m"
    context: int = 8192
    threads: int = 1
    niceness: int = 10
    sampling: dict[str, Any] = field(default_factory=dict)


class Peer:
    """with Peer(Settings()) as peer: peer.text_model()"""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.address = ""

    def __enter__(self) -> "Peer":
        wanted = {
            "alias": self.settings.alias,
            "context": self.settings.context,
            "threads": self.settings.threads,
            "api_key": API_KEY,
            "sampling": self.settings.sampling,
        }
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("w") as log:
            self._server = subprocess.Popen(
                ["nice", "-n", str(self.settings.niceness), str(PYTHON), str(Path(__file__).with_name("serve.py")), json.dumps(wanted)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if line.startswith("ready "):
                self.address = line.split()[1]
                return self
        self._end()
        raise RuntimeError(f"The model's server did not start:\n{LOG.read_text()[-2000:]}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        """Closing its stdin ends the server; one that hangs is ended by its process id."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(15)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def text_model(self) -> OpenAITextModel:
        """The product's own adapter, pointed here."""
        return OpenAITextModel(API_KEY, self.settings.alias, f"{self.address}/v1", tight=True, http=SafeHttp(allow_loopback=True))
