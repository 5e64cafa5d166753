"""The rows: one an alarm, one a process that lives, one a measured number, and the last run."""

from django.db import models
from django.db.models.functions import Now

from .fields import TextArray


class Alarm(models.Model):
    """A problem that somebody is told of. One that is gone, and told to be, has no row."""

    name = models.TextField(primary_key=True)
    source = models.TextField(help_text="The check that found it; it says when it is gone.")
    severity = models.TextField()
    sentence = models.TextField()
    remedy = models.TextField()
    raised_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, help_text="When it was last begun to be told.")
    # Gone, and somebody is still to be told so; raised again meanwhile, it is NULL again.
    cleared_at = models.DateTimeField(null=True)
    told = TextArray(help_text="By which paths it was told.")
    owed = TextArray(help_text="By which paths it has yet to be told.")

    class Meta:
        """Looked at by pages; written by the checks alone."""

        db_table = "failure_check_alarm"
        default_permissions = ("view",)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Heartbeat(models.Model):
    """A process's last sign of life, by the database's clock."""

    name = models.TextField(primary_key=True, help_text='"beat", "relay", "worker mail@host".')
    host = models.TextField()
    pid = models.IntegerField()
    queues = TextArray(help_text="What a worker takes from.")
    started_at = models.DateTimeField(db_default=Now())
    at = models.DateTimeField(db_default=Now())

    class Meta:
        """As above."""

        db_table = "failure_check_heartbeat"
        default_permissions = ("view",)

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Sample(models.Model):
    """A number as it was at a run, for a chart of the last two days."""

    at = models.DateTimeField(db_default=Now())
    name = models.TextField()
    value = models.FloatField()

    class Meta:
        """One index for the chart, and by its time alone for the clean-up."""

        db_table = "failure_check_sample"
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("name", "at"), name="failure_check_sample_name"),
            models.Index(fields=("at",), name="failure_check_sample_at"),
        )

    def __str__(self) -> str:
        """Return name and time."""
        return f"{self.name} at {self.at}"


class Run(models.Model):
    """The last run of the checks: the one row by which one process of several claims the next."""

    at = models.DateTimeField(help_text="When it began.")
    by = models.TextField(help_text="The process: beat@host:pid.")
    leased_until = models.DateTimeField(null=True, help_text="It has not ended yet.")
    # Nobody looked, or the database was away, before this: an older silence says nothing.
    watched_since = models.DateTimeField()

    class Meta:
        """As above."""

        db_table = "failure_check_run"
        default_permissions = ("view",)

    def __str__(self) -> str:
        """Return by whom, and when."""
        return f"{self.by} at {self.at}"
