{{ pattern("brokers/management/commands/__init__.py") }}
