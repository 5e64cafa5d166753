"""Amounts are written with whole cents, never through a float."""

import pytest

from purchases.money import format_amount


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (0, "EUR", "€0.00"),
        (5, "EUR", "€0.05"),
        (1250, "EUR", "€12.50"),
        (123405, "EUR", "€1,234.05"),
        (2147483647, "EUR", "€21,474,836.47"),
        (-1, "EUR", "-€0.01"),
        (99, "CHF", "CHF 0.99"),
    ],
)
def test_an_amount_reads_as_people_write_it(cents: int, currency: str, text: str) -> None:
    assert format_amount(cents, currency) == text
