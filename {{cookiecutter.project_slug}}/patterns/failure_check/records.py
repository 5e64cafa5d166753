{{ pattern("failure_check/records.py") }}
