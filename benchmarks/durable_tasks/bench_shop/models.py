"""What the caller's own transaction writes."""

from django.db import models


class Order(models.Model):
    """A row as any application has them."""

    reference = models.TextField(unique=True)

    def __str__(self) -> str:
        """Return the reference."""
        return self.reference
