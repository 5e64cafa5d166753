"""The type of a failure, as the database itself reads it from the error's words."""

from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Coalesce, Left

# An index takes no text of some kilobytes.
EXCEPTION_CHARACTERS = 100
# What equal failures have in common: the type that an error begins with, else the reason.
EXCEPTION = Left(
    Coalesce(
        Func(
            F("error"),
            Value(r"^([^[:space:]:]+)(?:: |:?$)"),
            function="substring",
            output_field=TextField(),
        ),
        F("reason"),
    ),
    EXCEPTION_CHARACTERS,
)


class StoredField(models.GeneratedField):
    """A generated column, of which Django's checks ask no database.

    They are run wherever a worker or beat starts, and Django 6.1 asks the server for its version
    there: a process would end because its database is away, instead of waiting for it.
    """

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return what is wrong with the definition: every PostgreSQL since 12 has such columns."""
        return super().check(**{**kwargs, "databases": None})

    def deconstruct(self) -> Any:
        """Return Django's own field: to a migration there is no difference."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.GeneratedField", args, kwargs
