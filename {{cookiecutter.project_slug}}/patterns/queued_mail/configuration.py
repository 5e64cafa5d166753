{{ pattern("queued_mail/configuration.py") }}
