{{ pattern("brokers/management/commands/broker.py") }}
