{{ pattern("failure_check/signs.py") }}
