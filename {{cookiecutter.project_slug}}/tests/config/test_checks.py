"""Each check complains of what it is for, and of nothing in the shop as it is."""

import pytest
from django.core.checks import run_checks

from config import checks


def test_the_shop_passes_every_check() -> None:
    assert run_checks() == []


