{{ pattern("brokers/__init__.py") }}
