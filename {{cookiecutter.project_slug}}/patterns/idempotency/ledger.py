{{ pattern("idempotency/ledger.py") }}
