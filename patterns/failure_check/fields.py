"""A list of texts, as PostgreSQL has it."""

from typing import Any

from django.db import models


class TextArray(models.Field):  # type: ignore[type-arg]  # generic in the stubs alone
    """A column of type text[].

    Not Django's ArrayField: from 6.1 on that wants django.contrib.postgres installed, which asks
    the database of each new process about types that nobody here uses.
    """

    description = "A list of texts"

    def db_type(self, connection: Any) -> str:
        """Return the column's type; psycopg gives and takes lists."""
        return "text[]"
