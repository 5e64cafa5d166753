{{ pattern("failure_check/management/__init__.py") }}
