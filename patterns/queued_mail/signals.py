"""What the rest of the project can listen to."""

from django.dispatch import Signal

# Sent once per mail, with `message_id: str`, in the transaction that records it as sent: what a
# receiver writes commits with that record or not at all. See `ReceiverFailed` for one that raises.
mail_sent = Signal()
