{{ pattern("brokers/refusals.py") }}
