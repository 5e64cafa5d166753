{{ pattern("brokers/handing.py") }}
