{{ pattern("failure_check/brokers.py") }}
