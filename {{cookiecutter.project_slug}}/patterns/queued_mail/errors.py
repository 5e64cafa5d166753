{{ pattern("queued_mail/errors.py") }}
