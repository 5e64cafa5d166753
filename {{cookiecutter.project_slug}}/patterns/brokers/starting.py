{{ pattern("brokers/starting.py") }}
