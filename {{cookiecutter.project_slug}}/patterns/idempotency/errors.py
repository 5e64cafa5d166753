{{ pattern("idempotency/errors.py") }}
