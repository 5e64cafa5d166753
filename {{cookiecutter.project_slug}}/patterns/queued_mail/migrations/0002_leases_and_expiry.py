{{ pattern("queued_mail/migrations/0002_leases_and_expiry.py") }}
