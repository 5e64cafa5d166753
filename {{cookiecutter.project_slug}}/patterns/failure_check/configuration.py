{{ pattern("failure_check/configuration.py") }}
