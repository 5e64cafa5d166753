{{ pattern("idempotency/attempt.py") }}
