{{ pattern("queued_mail/tasks.py") }}
