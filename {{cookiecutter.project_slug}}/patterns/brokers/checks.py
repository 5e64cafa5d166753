{{ pattern("brokers/checks.py") }}
