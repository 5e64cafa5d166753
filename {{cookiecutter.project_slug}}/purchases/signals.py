"""What the purchases tell other apps."""

from django.dispatch import Signal

# Sent with `order` inside the transaction that places it: after a rollback, whatever a receiver
# wrote or enqueued is gone too. A receiver that raises undoes the purchase.
order_placed = Signal()
