{{ pattern("failure_check/migrations/0001_initial.py") }}
