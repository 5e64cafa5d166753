{{ pattern("brokers/management/__init__.py") }}
