"""What is said of a task that breaks rule 4, or of which nothing shows that it keeps it.

What the helpers for tests say: see every_task.py.
"""

import inspect
from typing import Any

RULE = "rule 4: all tasks are idempotent"


def has_no_sample(task: Any, where: str) -> str:
    """Return the lines that are to be added, and where."""
    function = f"for_{task.name.rpartition('.')[2]}"
    names = ", ".join(f'"{name}": ...' for name in inspect.signature(task.run).parameters)
    return f"""\
{task.name} has no sample: nothing shows that a second run of it does nothing ({RULE}).
In {where} add a function that makes what the task works with and returns its arguments:

def {function}() -> dict[str, Any]:
    return {{{names}}}

and to SAMPLES the line

    "{task.name}": Sample(arguments={function}),

or, where a second run does something and does no harm:

    "{task.name}": Exempt("why it does no harm"),"""


def has_no_task(name: str, where: str) -> str:
    """Say that a sample is of nothing."""
    return (
        f"SAMPLES in {where} names {name!r}, and no task is called so: remove or rename it there;"
        " or is the task's module not imported?"
    )


def has_done_nothing(name: str, where: str) -> str:
    """Say that a sample shows nothing."""
    return (
        f"{name}: the first run of its sample changed no row and contacted nobody, so nothing is"
        f" shown of a second one ({RULE}). In {where}, let the sample make what the task works on."
    )


def has_ended_badly(name: str, error: Exception, contacted: list[str]) -> str:
    """Say that a second run ended in an error, and whom it had contacted by then."""
    told = "".join(f"\ncontacted the outside: {each}" for each in contacted)
    return (
        f"{name} breaks {RULE}. The second run, with the same arguments and id, ended in"
        f" {type(error).__name__}: {error}{told}"
    )


def is_done_again(name: str, told: str, where: str) -> str:
    """Say what a second run did, and what can be done."""
    return f"""\
{name} breaks {RULE}. The second run, with the same arguments and id,
{told}
Let the body look first at what is done already, lock what it looks at, and do an effect outside
once for its key (a ledger of keys). Where a second run does no harm, say so in {where}:
changes_again={{"the_table": "why"}}, contacts_again="why", enqueues_again="why"."""
