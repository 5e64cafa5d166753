{{ pattern("failure_check/migrations/__init__.py") }}
