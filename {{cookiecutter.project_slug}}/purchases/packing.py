"""The pack-in materials: the sheet that lies in the parcel."""

from purchases.models import Order


def pack_in_sheet(order: Order) -> str:
    """Return the sheet as plain text, the same for the same order."""
    return "\n".join(
        (
            f"PACK-IN SHEET, ORDER {order.number}",
            "",
            f"1 x {order.product_name}",
            f"Paid: {order.price} (charge {order.charge_id})",
            f"Placed: {order.placed_at:%Y-%m-%d %H:%M} UTC",
            "",
            "Thank you. Keep this sheet: it is your proof of purchase.",
            f"Full order number: {order.id}",
            "",
        )
    )
