{{ pattern("queued_mail/delivery_checks.py") }}
