"""The site of this folder's tests."""

from collections.abc import Iterator

import pytest

from tests.deploy.site import Site


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    """Run the whole site on the tests' database and brokers."""
    with Site() as running:
        yield running
