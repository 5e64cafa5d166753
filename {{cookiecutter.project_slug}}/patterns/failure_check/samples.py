{{ pattern("failure_check/samples.py") }}
