"""Failed tasks are replayed once, leave the set when they succeed, and never get lost in between."""

from durable_shop import tasks

from patterns.durable_tasks import failed as failed_set
from patterns.durable_tasks.failed import Selection
from patterns.durable_tasks.models import Event, TaskRow


def fail(text: str, name: str = "shop.write_note") -> TaskRow:
    row = TaskRow.objects.create(
        name=name, queue="default", state=4, reason="error", error="ValueError: told to",
        arguments=f'[["{text}"], {{}}]', shown=f'["(\'{text}\',)", "{{}}"]', failed_at=failed_set.now(),
        retries=3, crashes=2,
    )
    return TaskRow.objects.get(pk=row.pk)


def test_a_replayed_row_is_ready_with_new_budgets() -> None:
    row = fail("one")
    outcome = failed_set.replay(Selection(), by="pat")
    assert (outcome.done, outcome.left, outcome.next) == (1, {}, None)
    again = TaskRow.objects.get()
    assert (again.pk, again.state, again.retries, again.crashes) == (row.pk, 1, 0, 0)
    assert again.arguments == row.arguments
    assert [(e.kind, e.by) for e in Event.objects.order_by("id")] == [("failed", ""), ("replayed", "pat")]
    assert failed_set.groups(Selection()) == []
