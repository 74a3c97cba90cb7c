"""What the image models' wires may bring, and what they may answer; and what vectors may be."""

from collections.abc import Callable

import pytest

from tests.ai.faults.bench import Bench
from tests.ai.faults.catalogue import OPENAI, RUNWARE_CASES
from tests.ai.faults.chain import Chain, chains, meets, named
from tests.ai.faults.pictures import PICTURES, VECTORS
from tests.ai.faults.row import Row
from tests.ai.faults.works import EMBED, PICTURE, RUNWARE_PICTURE


@pytest.mark.parametrize("chain", chains((PICTURE, RUNWARE_PICTURE, EMBED), [*OPENAI, *RUNWARE_CASES, *PICTURES, *VECTORS]), ids=named)
def test_faults(new_bench: Callable[..., Bench], subtests: pytest.Subtests, line: Callable[[Row], None], chain: Chain) -> None:
    meets(chain, new_bench(image_provider=chain[0].image_provider), subtests, line)
