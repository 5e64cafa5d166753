"""The command of the brokers."""
