{{ pattern("queued_mail/attributes.py") }}
