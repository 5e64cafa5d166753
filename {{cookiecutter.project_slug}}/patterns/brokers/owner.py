{{ pattern("brokers/owner.py") }}
