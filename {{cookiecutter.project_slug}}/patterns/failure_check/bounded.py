{{ pattern("failure_check/bounded.py") }}
