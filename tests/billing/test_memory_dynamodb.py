"""The fast table of the properties answers as moto does: the same jobs leave the same items, refusals included."""

import random
from typing import Any

import pytest

from tests.billing.account_jobs import EXPECTED, Account
from tests.billing.interleaving import Worker
from tests.billing.memory_dynamodb import MemoryDynamoDB
from tests.billing.orders import JOBS, PAIRS


def stored(account: Account) -> list[Any]:
    """The account's items without what differs by itself: its name, and the order of what was made in one millisecond."""
    shown = str(account.items("B") + account.items("X")).replace(account.tenant, "T")
    return sorted(part for part in shown.split(", ") if not part.startswith(("'c'", "'cl'", "'d'")))


def after(client: Any, pair: str, choices: random.Random) -> tuple[list[Any], list[str]]:
    first, second, prepare, cap = PAIRS[pair]
    account = Account(client, cap=cap)
    account.ledger.grant("first", 100)
    prepare(account)
    workers = [Worker(lambda job=job: job(account), EXPECTED) for job in (first, second)]  # type: ignore[misc]
    while live := [w for w in workers if not w.done]:
        choices.choice(live).step()
    return stored(account), [repr(w.outcome).replace(account.tenant, "T") for w in workers]


@pytest.mark.parametrize("pair", PAIRS)
def test_the_same_order_leaves_the_same_items(dynamodb: Any, pair: str) -> None:
    for seed in range(4):
        assert after(MemoryDynamoDB(), pair, random.Random(seed)) == after(dynamodb, pair, random.Random(seed))


@pytest.mark.parametrize("job", JOBS)
def test_the_same_job_leaves_the_same_items(dynamodb: Any, job: str) -> None:
    found = []
    for client in (MemoryDynamoDB(), dynamodb):
        account = Account(client)
        account.ledger.grant("first", 100)
        JOBS[job][1](account)
        JOBS[job][0](account)
        found.append(stored(account))
    assert found[0] == found[1]


def test_what_it_does_not_know_it_refuses() -> None:
    with pytest.raises(NotImplementedError):
        MemoryDynamoDB().put_item(Item={"pk": {"S": "p"}, "sk": {"S": "s"}}, ConditionExpression="size(pk) > :n")
