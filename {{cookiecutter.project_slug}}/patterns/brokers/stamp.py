{{ pattern("brokers/stamp.py") }}
