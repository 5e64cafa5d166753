"""What the accounts tell the rest of the shop."""

from django.dispatch import Signal

user_signed_up = Signal()
"""Sent with `user` inside the transaction that creates the user: a receiver that raises undoes
the signup, and what a receiver writes or enqueues is undone with it."""
