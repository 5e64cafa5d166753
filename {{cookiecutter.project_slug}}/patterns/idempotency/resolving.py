{{ pattern("idempotency/resolving.py") }}
