"""What a text model's wire may bring, and what it may answer, for each of the four text functions."""

from collections.abc import Callable

import pytest

from tests.ai.faults.bench import Bench
from tests.ai.faults.catalogue import OPENAI
from tests.ai.faults.chain import Chain, chains, meets, named
from tests.ai.faults.row import Row
from tests.ai.faults.spoilt import ANSWERS
from tests.ai.faults.works import TEXT


@pytest.mark.parametrize("chain", chains(TEXT, [*OPENAI, *ANSWERS]), ids=named)
def test_faults(bench: Bench, subtests: pytest.Subtests, line: Callable[[Row], None], chain: Chain) -> None:
    meets(chain, bench, subtests, line)
