"""What `make costs` says: DynamoDB's units by its rules, every sum from its lines, each price with its source."""

from collections import Counter
from typing import Any

import pytest
import yaml

from infra.build import template
from infra.costs import PRICES, at_rest, of_an_article, table
from infra.costs_measure import Used, item_size, measure, write_units


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    return template("prod")


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(PRICES.read_text(encoding="utf-8"))
    return found


def test_sizes_and_units_are_dynamodbs() -> None:
    """Source: DynamoDB developer guide, "Item sizes and formats"; a transaction doubles the table's units and not the indexes'."""
    item = {"pk": {"S": "a" * 8}, "sk": {"S": "é"}, "n1": {"N": "-1234"}, "b": {"BOOL": True}, "l": {"L": [{"S": "xy"}]}}
    assert item_size(item) == (2 + 8) + (2 + 2) + (2 + 3) + (1 + 1) + (1 + 3 + 1 + 2)
    keys = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    assert write_units(keys, transaction=False) == 1 and write_units(keys, transaction=True) == 2
    listed = {**keys, "lp": {"S": "l"}, "c": {"S": "c"}, "v": {"N": "1"}, "cl": {"S": "x"}, "body": {"S": "x" * 2000}}
    assert write_units(listed, transaction=False) == 2 * (1 + 3)
    assert write_units(listed, transaction=True) == 2 * (2 + 3)


def test_a_run_is_measured(declared: dict[str, Any], known: dict[str, Any]) -> None:
    used = measure(keywords=20, articles=2)
    assert used.articles == 2 and used.operations["content"] == 2 and used.operations.keys() <= known["assumed"]["waiting"].keys()
    lines = {line.what: line.quantity for line in of_an_article(used, declared, known["assumed"])}
    assert all(quantity > 0 for what, quantity in lines.items() if what != "requests of KMS"), lines
    assert used.functions.keys() <= declared["Resources"].keys()
    assert used.write_units > used.articles * 50 and used.transitions > 7


def test_sums_are_those_of_the_lines(declared: dict[str, Any], known: dict[str, Any]) -> None:
    used = Used(articles=10, write_units=1600, transitions=100, functions=Counter(Stage4=20), operations=Counter(content=10))
    told = table(used, declared, known, 100)
    each = sum(line.dollars(known["prices"]) for line in of_an_article(used, declared, known["assumed"]))
    rest = sum(line.dollars(known["prices"]) for line in at_rest(declared, known["assumed"]))
    assert f"**{each:.6f}**" in told and f"**{rest:.2f}**" in told and f"**{each * 100 + rest:.2f}**" in told
    assert "| write units of the tables, an article | 160 | 0.000100 | 0.01 | measured |" in told
    with pytest.raises(KeyError):  # a kind of work that nobody has said a time for
        table(Used(articles=1, operations=Counter(unknown=1)), declared, known, 1)


def test_each_price_is_used_and_has_its_source(declared: dict[str, Any], known: dict[str, Any]) -> None:
    used = Used(articles=1)
    lines = [*of_an_article(used, declared, known["assumed"]), *at_rest(declared, known["assumed"])]
    assert {line.price for line in lines} == known["prices"].keys()
    assert all(price["source"].startswith("https://aws.amazon.com/") for price in known["prices"].values())
    counted = {line.what: line.quantity for line in at_rest(declared, known["assumed"]) if line.how == "counted"}
    assert counted["secrets"] == 2 and counted["KMS keys"] == 1 and counted["metrics of alarms"] >= 30
