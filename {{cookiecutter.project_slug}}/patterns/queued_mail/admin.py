{{ pattern("queued_mail/admin.py") }}
