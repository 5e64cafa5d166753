{{ pattern("brokers/app.py") }}
