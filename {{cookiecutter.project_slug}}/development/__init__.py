"""What a developer's machine and the tests run beside the shop; production has none of it."""
