"""An end other than success is written on a connection that the body has never had."""

from durable_shop import ends

from tests.durable_tasks.conftest import Start, failed, notes


def test_a_body_that_leaves_a_transaction_open_is_a_failed_row_all_the_same(
    start_relay: Start, start_worker: Start
) -> None:
    """Given a body whose own connection would take the failure with it when it rolls back."""
    start_relay()
    start_worker(DURABLE_TEST_LEASE="600")  # what writes the failure is not its end
    ends.leaves_open.delay("never committed")
    row = failed()
    assert (row.reason, row.error, row.crashes) == ("error", "ValueError: told to", 0)
    assert notes() == []
