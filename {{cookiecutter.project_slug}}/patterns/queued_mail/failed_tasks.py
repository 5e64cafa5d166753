{{ pattern("queued_mail/failed_tasks.py") }}
