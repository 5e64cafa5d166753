"""What a task may say about its own rows: override these in your base, or in one task."""

from collections.abc import Mapping, Sequence
from typing import Any

Call = tuple[Sequence[Any], Mapping[str, Any]]  # args and kwargs, as they were enqueued


class Hooks:
    """No-op hooks. Each but the first is called once for many rows, of one task, with their
    arguments."""

    def message_headers(self) -> Mapping[str, str]:
        """Return what each of its messages carries besides the caller's `headers`, which go first.

        Called where it is enqueued, and kept in the row; the run has each in `self.request`. So an
        id of the web request, or a trace's, reaches every run and retry. No secret belongs there.
        """
        return {}

    def on_replay(self, each: Sequence[Call]) -> None:
        """Make ready what the task keeps of its own, in the transaction that replays the rows.

        Raising leaves these rows failed. Rollback: they are not replayed, and called for anew.
        """

    def on_discard(self, each: Sequence[Call]) -> None:
        """Say in the task's own records that it will not be done, in the transaction that discards.

        Raising leaves these rows failed.
        """

    def describe(self, each: Sequence[Call]) -> Sequence[str]:
        """Return for each what a person needs to know it by: shown to all who see failed tasks.

        No secret belongs there, nor what a mail says. "" is for nothing to say; it may query once.
        """
        return [""] * len(each)

    def described_as(self, text: str) -> Sequence[Call]:
        """Return the calls of which `describe` would say this text, among other words.

        For the text box of the failed tasks. Bound them; exact arguments, as they were enqueued.
        """
        return ()
