{{ pattern("failure_check/heartbeats.py") }}
