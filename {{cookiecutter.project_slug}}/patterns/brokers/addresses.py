{{ pattern("brokers/addresses.py") }}
