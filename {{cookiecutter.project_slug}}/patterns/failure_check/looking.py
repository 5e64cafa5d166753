{{ pattern("failure_check/looking.py") }}
