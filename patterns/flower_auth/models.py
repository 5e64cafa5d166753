"""The permission to see Flower, which Django hangs on a model."""

from django.db import models


class NoRows(models.Manager["Flower"]):
    """Asks no database: `dumpdata` reads every model, those without a table too."""

    def get_queryset(self) -> "models.QuerySet[Flower]":
        """Return nothing."""
        return super().get_queryset().none()


class Flower(models.Model):  # noqa: DJ008  it has no row that could be shown
    """Has no table: it stands for the program, which is nobody's row."""

    objects = NoRows()

    class Meta:
        """The permission alone: nothing here is added, changed or deleted."""

        managed = False
        default_permissions = ()
        permissions = (("see_flower", "Can see Flower"),)
        verbose_name = verbose_name_plural = "Flower"
