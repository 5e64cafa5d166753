{{ pattern("failure_check/postgres.py") }}
