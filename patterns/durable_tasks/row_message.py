"""The message of a row: its id, its token, its name and redacted words; no arguments."""

import json
from typing import Any

from celery import Celery
from kombu.utils.json import dumps

from .marking import Marked
from .marks import PUBLICATION
from .row_options import CARRIER, IN_MESSAGE, read_options

# Of a message's headers, as JSON. AMQP sends them in one frame, of 128 kB in most brokers, and a
# larger one ends the connection: each time, until the row is gone. A call keeps to less
# (row_options.py).
HEADER_BYTES = 65_536
# The text of a row is in its headers once or twice, escaped: one that is so small is not measured.
SMALL_BYTES = HEADER_BYTES // 16


def of_row(app: Celery, row: Marked) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return a row's headers, properties and body, as Celery's own message has them.

    Raises what the row's text raises that is not as it was written, and ValueError for headers that
    may not fit into a frame.
    """
    options = read_options(row.options)
    args_shown, kwargs_shown = json.loads(row.shown)
    made = app.amqp.as_task_v2(
        str(row.id),
        options.get(CARRIER, row.name),
        retries=row.retries,
        argsrepr=args_shown,
        kwargsrepr=kwargs_shown,
        **{name: options[name] for name in IN_MESSAGE if name in options},
    )
    own = {PUBLICATION: str(row.publication)}
    headers = {**options.get("headers", {}), **made.headers, **own}
    _refuse_large(row, headers)
    return headers, made.properties, made.body


def _refuse_large(row: Marked, headers: dict[str, Any]) -> None:
    if len(row.options) + len(row.shown) + len(row.name) <= SMALL_BYTES:
        return
    if (size := len(dumps(headers))) > HEADER_BYTES:
        raise ValueError(
            f"the message's headers are {size:,} bytes, more than {HEADER_BYTES:,}: a broker may"
            " not take them"
        )
