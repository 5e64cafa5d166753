{{ pattern("queued_mail/expiry.py") }}
