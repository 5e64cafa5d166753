{{ pattern("brokers/bounded.py") }}
