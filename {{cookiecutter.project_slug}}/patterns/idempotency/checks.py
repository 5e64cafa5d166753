{{ pattern("idempotency/checks.py") }}
