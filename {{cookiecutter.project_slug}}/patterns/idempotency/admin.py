{{ pattern("idempotency/admin.py") }}
