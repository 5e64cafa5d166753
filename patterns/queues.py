"""Draft."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One named lane and why it exists."""

    name: str
    why: str
    concurrency: int = 1
