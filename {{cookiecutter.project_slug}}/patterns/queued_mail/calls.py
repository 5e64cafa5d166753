{{ pattern("queued_mail/calls.py") }}
