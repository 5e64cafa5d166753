{{ pattern("queued_mail/ending.py") }}
