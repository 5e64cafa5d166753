{{ pattern("brokers/connection.py") }}
