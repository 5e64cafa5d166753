"""A hook says nothing where nobody overrides it: a base may add to what another one says."""

from collections.abc import Sequence

from patterns.durable_tasks.hooks import Call, Hooks

CALLS: list[Call] = [((7,), {}), ((8,), {})]


class Orders(Hooks):
    """One of several bases of a project's tasks."""

    def describe(self, each: Sequence[Call]) -> Sequence[str]:
        said = zip(super().describe(each), each, strict=True)
        return [words or f"order {args[0]}" for words, (args, _) in said]

    def described_as(self, text: str) -> Sequence[Call]:
        return [*super().described_as(text), *(call for call in CALLS if text == "order")]


def test_a_base_adds_to_the_hooks_that_it_overrides() -> None:
    orders = Orders()
    assert orders.describe(CALLS) == ["order 7", "order 8"]
    assert orders.described_as("order") == CALLS
    assert orders.message_headers() == {}
    orders.on_replay(CALLS)
    orders.on_discard(CALLS)
