{{ pattern("failure_check/ping.py") }}
