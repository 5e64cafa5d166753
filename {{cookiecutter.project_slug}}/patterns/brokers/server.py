{{ pattern("brokers/server.py") }}
