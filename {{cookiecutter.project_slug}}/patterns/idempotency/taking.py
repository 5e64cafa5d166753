{{ pattern("idempotency/taking.py") }}
