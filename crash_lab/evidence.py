"""What is kept of a scenario that broke a promise, beside the processes' logs."""

from crash_lab.lab import Lab

TABLES = ("durable_tasks_task", "durable_tasks_queue", "lab_history", "lab_event")
MOST_ROWS = 100_000  # of the flood of scenario 8 they are all alike


def keep_evidence(lab: Lab, number: int) -> None:
    """Write down the tables that tell what happened."""
    for table in TABLES:
        query = f"SELECT row_to_json(t)::text FROM {table} t LIMIT {MOST_ROWS}"  # noqa: S608
        text = "".join(f"{row}\n" for (row,) in lab.sql(query))
        (lab.logs / f"{number}-{table}.jsonl").write_text(text, encoding="utf-8")
