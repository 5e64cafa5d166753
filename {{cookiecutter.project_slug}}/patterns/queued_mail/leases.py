{{ pattern("queued_mail/leases.py") }}
