"""The price table and what plans change in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.prices import PRICES, Price, price_of, price_rows, price_table
from chalicelib.core.errors import ValidationFailed


@pytest.mark.parametrize(
    ("operation", "units", "credits"),
    [
        ("clustering", 0, 0),
        ("clustering", 1, 5),
        ("clustering", 100, 5),
        ("clustering", 101, 10),
        ("clustering", 5000, 250),
        ("idea", 3, 6),
        ("content", 100, 5),
        ("content", 500, 5),
        ("content", 501, 6),
        ("content", 1500, 15),
        ("image_prompts", 1, 2),
        ("image", 4, 16),
    ],
)
def test_prices(operation: str, units: int, credits: int) -> None:
    assert price_of(operation).charge(units) == credits


def test_a_premium_image_model_costs_more_and_nothing_else_does() -> None:
    assert price_of("image", premium=True).charge(2) == 20
    assert price_of("idea", premium=True).charge(2) == 4


def test_plans_change_prices() -> None:
    overrides = {"idea": 1, "content": {"credits": 2, "minimum": 0}, "clustering": {"per": 50}}
    charged = [price_of(operation, overrides).charge(units) for operation, units in (("idea", 3), ("content", 250), ("clustering", 51))]
    assert charged == [3, 6, 10]
    assert price_of("image", overrides).charge(1) == 4


def test_the_own_key_is_free_unless_the_plan_says_otherwise() -> None:
    assert price_of("content", own_key=True).charge(1500) == 0
    assert price_of("content", {"own_key_percent": 30}, own_key=True).charge(1500) == 5  # 4.5, rounded up
    assert price_of("content", {"own_key_percent": 30}).charge(1500) == 15


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"poems": 1}, "poems"),
        ({"idea": -1}, "idea"),
        ({"idea": 1.5}, "idea"),
        ({"idea": True}, "idea"),
        ({"idea": "2"}, "idea"),
        ({"idea": {"price": 2}}, "idea"),
        ({"idea": {"per": 0}}, "idea"),
        ({"own_key_percent": 101}, "own_key_percent"),
    ],
)
def test_refuses_what_is_no_price(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        price_table(overrides)
    assert list(refused.value.fields or {}) == [field]


def test_an_unknown_operation_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        price_of("poem")


def test_units_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0"):
        price_of("idea").charge(-1)


def test_rows_show_every_operation() -> None:
    rows = price_rows({"idea": 3})
    assert [r["operation"] for r in rows] == list(PRICES)
    assert rows[1] == {"operation": "idea", "credits": 3, "per": 1, "minimum": 0, "unit": "idea"}


@given(st.integers(0, 50), st.integers(1, 200), st.integers(0, 50), st.integers(0, 100), st.integers(0, 10_000), st.integers(0, 500))
def test_more_work_never_costs_less(credits: int, per: int, minimum: int, percent: int, units: int, more: int) -> None:
    one = Price(credits, per=per, minimum=minimum, percent=percent)
    assert 0 <= one.charge(units) <= one.charge(units + more)
