{{ pattern("queued_mail/migrations/__init__.py") }}
