"""Nothing in the shop as it is has a system check complain."""

from django.core.checks import run_checks


def test_the_shop_passes_every_check() -> None:
    assert run_checks() == []
