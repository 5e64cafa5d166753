"""How far a rebuild is, for the page and for the script that keeps it current."""

from typing import Any

from backoffice.models import STUCK_AFTER, IndexRebuild


def progress(rebuild: IndexRebuild | None) -> dict[str, Any]:
    """Return what the page shows of the newest rebuild: JSON types only."""
    if rebuild is None or not rebuild.is_running:
        return {"is_running": False, "is_stuck": False, "done": 0, "total": 0, "sentence": ""}
    done, total = rebuild.done_count(), rebuild.customer_count
    return {
        "is_running": True,
        "is_stuck": rebuild.is_stuck(),
        "done": done,
        # A progress bar needs a maximum above 0.
        "total": total or 1,
        "sentence": _sentence(rebuild, done, total),
    }


def _sentence(rebuild: IndexRebuild, done: int, total: int | None) -> str:
    if rebuild.is_stuck():
        minutes = int(STUCK_AFTER.total_seconds() // 60)
        return (
            f"Nothing has happened for {minutes} minutes, at {done:,} of {total or 0:,} customers. "
            "Does the worker of queue admin run? You can start anew."
        )
    if total is None:
        return "Waiting for the worker of queue admin to count the customers."
    return f"{done:,} of {total:,} customers done."
