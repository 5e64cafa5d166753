{{ pattern("idempotency/apps.py") }}
