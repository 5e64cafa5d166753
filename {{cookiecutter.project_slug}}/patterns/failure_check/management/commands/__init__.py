{{ pattern("failure_check/management/commands/__init__.py") }}
