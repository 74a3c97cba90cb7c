"""A breaker between a scripted server and real (moto) tables, for its tests: as several Lambdas see it."""

import pytest

from chalicelib.ai.breaker import through
from chalicelib.core.errors import AppError, UpstreamRejected, UpstreamUnavailable
from chalicelib.system.circuits import FAILURES_TO_OPEN, Circuit, Circuits

KEY = "sk-canary-0123456789"
OUT = UpstreamUnavailable("The model's server does not answer at present (500).")
NO_KEY = UpstreamRejected("The provider does not accept the API key.", reason="key_refused")


class Server:
    """What is behind the breaker: raises the scripted errors, then answers; `asked` counts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def fail(circuits: Circuits, of: Circuit, times: int = FAILURES_TO_OPEN, error: Exception = OUT) -> UpstreamUnavailable:
    """So many failed calls; the last one's error."""
    for _ in range(times):
        with pytest.raises(UpstreamUnavailable) as caught:
            through(circuits, of, Server(error))
    return caught.value


def blocked(circuits: Circuits, of: Circuit) -> AppError:
    server = Server()
    with pytest.raises(AppError) as caught:
        through(circuits, of, server)
    assert server.asked == 0, "nobody may be asked"
    return caught.value
