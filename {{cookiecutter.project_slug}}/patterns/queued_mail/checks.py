{{ pattern("queued_mail/checks.py") }}
