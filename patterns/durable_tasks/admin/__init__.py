"""The admin for whoever is on call: failed tasks, tasks that have not ended, and their history."""

from django.contrib import admin

from ..models import Event, FailedTask, TaskRow
from .failed import FailedTaskAdmin
from .history import HistoryAdmin
from .tasks import TaskAdmin

admin.site.register(FailedTask, FailedTaskAdmin)
admin.site.register(TaskRow, TaskAdmin)
admin.site.register(Event, HistoryAdmin)
