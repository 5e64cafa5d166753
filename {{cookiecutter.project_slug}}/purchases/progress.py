"""How far an order has come, as the customer reads it: the page and its polling share this."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from purchases.models import Order

State = Literal["done", "current", "failed", "waiting"]

TEXTS: dict[tuple[str, State], str] = {
    ("placed", "done"): "We have your order.",
    ("charged", "waiting"): "",
    ("charged", "current"): "We are charging your card.",
    ("charged", "done"): "Your card has been charged.",
    ("packed", "waiting"): "Packed as soon as it is paid.",
    ("packed", "current"): "We are packing your parcel.",
    ("packed", "done"): "Your parcel is packed.",
    ("packed", "failed"): "Not packed, since it was not paid.",
    ("mailed", "current"): "The confirmation is on its way to your mailbox.",
    ("mailed", "done"): "The confirmation has been sent to you.",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the order page; `text` says in words what `state` says in colour."""

    name: str
    state: State
    text: str
    at: str


def steps(order: Order) -> list[Step]:
    """Return placed, charged, packed and mailed, in the order in which they are shown."""
    return [
        _step("placed", "done", order.placed_at),
        _charged(order),
        _packed(order),
        _step("mailed", "done" if order.mailed_at else "current", order.mailed_at),
    ]


def is_settled(order: Order) -> bool:
    """Tell whether nothing more will change: mailed, and either packed or declined."""
    has_ended = order.packed_at is not None or order.declined_at is not None
    return has_ended and order.mailed_at is not None


def summary(order: Order) -> str:
    """Return how it stands in one line, which is read aloud when it changes."""
    if order.declined_at is not None:
        return "Payment declined. Nothing was charged, and nothing will be delivered."
    if order.packed_at is not None:
        return "All clear: paid and packed." if order.mailed_at else "Paid and packed."
    if order.charged_at is not None:
        return "Paid. We are packing your parcel."
    return "Your order is placed. We are charging your card."


def as_json(order: Order) -> dict[str, Any]:
    """Return what the order page polls."""
    return {
        "steps": [asdict(step) for step in steps(order)],
        "summary": summary(order),
        "pack_in": order.pack_in,
        "is_settled": is_settled(order),
    }


def _charged(order: Order) -> Step:
    if order.declined_at is not None:
        return Step(
            name="charged", state="failed", text=order.decline_reason, at=_time(order.declined_at)
        )
    return _step("charged", "done" if order.charged_at else "current", order.charged_at)


def _packed(order: Order) -> Step:
    if order.packed_at is not None:
        return _step("packed", "done", order.packed_at)
    if order.declined_at is not None:
        return _step("packed", "failed", None)
    return _step("packed", "current" if order.charged_at else "waiting", None)


def _step(name: str, state: State, at: datetime | None) -> Step:
    return Step(name=name, state=state, text=TEXTS[name, state], at=_time(at))


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%H:%M:%S} UTC"
