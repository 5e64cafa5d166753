{{ pattern("brokers/evidence.py") }}
