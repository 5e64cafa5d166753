"""Who counts as a customer."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from purchases.models import Order


def customers() -> QuerySet[User]:
    """Return everybody but staff, and of the staff whoever has bought something."""
    bought = Exists(Order.objects.filter(customer=OuterRef("pk")))
    return User.objects.filter(Q(is_staff=False) | bought)
