{{ pattern("brokers/guard.py") }}
