"""The writer's desk and API, here with publishing targets."""

from tests.writer.conftest import api, desk, publisher  # noqa: F401
