{{ pattern("brokers/apps.py") }}
