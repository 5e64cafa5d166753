{{ pattern("brokers/errors.py") }}
