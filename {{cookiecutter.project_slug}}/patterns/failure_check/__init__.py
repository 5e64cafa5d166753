{{ pattern("failure_check/__init__.py") }}
