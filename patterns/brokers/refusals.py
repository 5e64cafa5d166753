"""What is said of a broker that is not an app's own: whose it is, and what to do."""

from .owner import Owner
from .stamp import Stamp


def of_stamped(where: str, found: Stamp, owner: Owner, setting: str) -> str:
    """Return what to say of a broker that bears another's stamp."""
    whose = f"the broker of {found.owner} (stamped by {found.by} at {found.at})"
    return _words(where, whose, found.owner, owner, setting)


def of_unstamped(where: str, queues: list[str], owner: Owner, setting: str) -> str:
    """Return what to say of a broker without a stamp that holds another's queues."""
    shown = ", ".join(queues[:5])
    whose = f"used by an app that does not stamp its broker, with its queues {shown}"
    return _words(where, whose, "nobody", owner, setting)


def _words(where: str, whose: str, before: str, owner: Owner, setting: str) -> str:
    return (
        f"{where} is {whose}, and this is {owner}: nothing is taken from it or sent to it."
        f" Set {setting} to this app's own broker. If this one shall change hands:"
        f" `manage.py broker hand-over {owner.app} --from {before}`."
    )
