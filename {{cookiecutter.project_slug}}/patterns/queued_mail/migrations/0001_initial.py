{{ pattern("queued_mail/migrations/0001_initial.py") }}
