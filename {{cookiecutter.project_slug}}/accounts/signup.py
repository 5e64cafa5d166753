"""Signing up: the user, the event and the welcome mail, together or not at all."""

from django.db import IntegrityError, transaction

from accounts.mails import send_welcome
from accounts.models import User
from accounts.signals import user_signed_up


class AddressTaken(Exception):
    """There is an account with this address already."""


def sign_up(*, email: str, name: str, password: str) -> User:
    """Create a user, tell the rest of the shop, and enqueue the welcome mail.

    Crash: before the commit nothing is kept. Duplicate: raises AddressTaken, also where two
    requests race, for the database decides. Rollback: no user, no mail, no event.
    """
    user = User(email=email, name=name)
    user.set_password(password)  # slow on purpose, so before the transaction
    with transaction.atomic():
        _insert(user)
        user_signed_up.send(sender=User, user=user)
        send_welcome(user)
    return user


def _insert(user: User) -> None:
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        User.objects.get_by_natural_key(user.email)  # DoesNotExist: another error than we think
        raise AddressTaken from None
