"""What a server says of itself that a broker must not be."""

from .bounded import connected
from .guard import Guard

EVICTS = "brokers.E006"


def eviction_policy(guard: Guard) -> str:
    """Return what a Redis does when it is full; "" of another broker. Raises as the transport.

    From INFO: managed servers forbid CONFIG.
    """
    with connected(guard.app, guarded=False) as connection:
        client = getattr(connection.default_channel, "client", None)
        if connection.transport.driver_type != "redis" or client is None:
            return ""
        return str(client.info("memory").get("maxmemory_policy", ""))


def eviction_fault(guard: Guard) -> str | None:
    """Return what is wrong with the policy; None where nothing is, or the app accepts it."""
    if guard.may_evict:
        return None
    policy = eviction_policy(guard)
    if policy in ("", "noeviction"):
        return None
    return (
        f"The broker of {guard.owner} throws messages away when it is full (maxmemory-policy"
        f" {policy}). Set maxmemory-policy noeviction, on a server that is no cache as well; or"
        f" silence {EVICTS} where that cannot be."
    )
