{{ pattern("failure_check/watch.py") }}
