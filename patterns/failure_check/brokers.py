"""What may be wrong with a broker. Redis and Valkey tell most; of another, whether it answers."""

from collections.abc import Iterator
from typing import Any

from celery import Celery

from . import configuration
from .bounded import line
from .problem import Problem

# A broker that is up answers in a millisecond; a frozen one is given up soon.
ANSWER_SECONDS = 2
# What only one that answers tells: where it is down, nobody knows.
TOLD_BY_IT = ("broker_full", "broker_evicts", "broker_forgets")


def problems(app: Celery, name: str) -> Iterator[Problem]:
    """Find what is wrong with the broker of a Celery app; `name` is what people call it."""
    try:
        information = ask(app)
    except Exception as error:  # whatever a transport raises: it does not serve
        yield Problem(
            name=f"broker_down:{name}",
            severity="critical",
            sentence=f"The broker of {name} does not answer: {line(error)}",
            remedy="Start it. Durable tasks wait in the database meanwhile, and go out by"
            " themselves.",
            hides=tuple(f"{kind}:{name}" for kind in TOLD_BY_IT),
        )
        return
    if information:
        yield from _full(information, name)
        yield from _forgetful(information, name)


def ask(app: Celery) -> dict[str, Any]:
    """Return what a Redis or a Valkey tells of itself, {} for another broker that answers.

    Raises what the transport raises.
    """
    with _connection(app) as connection:
        connection.connect()
        client: Any = getattr(connection.default_channel, "client", None)
        return dict(client.info()) if hasattr(client, "info") else {}


def depth(app: Celery, queue: str) -> int:
    """Return how many messages wait in a queue. Raises what the transport raises."""
    with _connection(app) as connection:
        connection.connect()
        try:
            declared = connection.default_channel.queue_declare(queue=queue, passive=True)
        except connection.channel_errors as error:  # in Redis, an empty queue is none
            if getattr(error, "reply_code", None) == 404 or "NOT_FOUND" in str(error):
                return 0
            raise
        return int(declared.message_count)


def _connection(app: Celery) -> Any:
    options = dict(app.conf.broker_transport_options)
    if app.connection_for_write().transport.driver_type == "redis":
        options |= dict.fromkeys(("socket_timeout", "socket_connect_timeout"), ANSWER_SECONDS)
        options.pop("retry_on_timeout", None)
    else:
        options |= dict.fromkeys(("read_timeout", "write_timeout"), ANSWER_SECONDS)
    options["max_retries"] = 0
    return app.connection_for_write(connect_timeout=ANSWER_SECONDS, transport_options=options)


def _full(information: dict[str, Any], name: str) -> Iterator[Problem]:
    used = int(information.get("used_memory", 0))
    limit = int(information.get("maxmemory", 0)) or int(information.get("total_system_memory", 0))
    if limit and used >= limit * configuration.full_share():
        yield Problem(
            name=f"broker_full:{name}",
            severity="critical" if used >= limit * 0.95 else "warning",
            sentence=f"The broker of {name} uses {used / 2**20:,.1f} MB of"
            f" {limit / 2**20:,.1f} MB: full, it takes no message.",
            remedy="See which queue is long and why its worker does not empty it, or whether"
            " something else is kept there; then raise maxmemory.",
        )


def _forgetful(information: dict[str, Any], name: str) -> Iterator[Problem]:
    policy = str(information.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Problem(
            name=f"broker_evicts:{name}",
            severity="critical",
            sentence=f"The broker of {name} throws messages away when it is full"
            f" (maxmemory-policy {policy}).",
            remedy="Set maxmemory-policy noeviction, on a server that is no cache as well.",
        )
    if not int(information.get("aof_enabled", 1)):
        yield Problem(
            name=f"broker_forgets:{name}",
            severity="warning",
            sentence=f"The broker of {name} keeps nothing over a restart (appendonly no):"
            " plain tasks that wait are lost.",
            remedy="Set appendonly yes.",
        )
