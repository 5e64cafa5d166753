"""Measurements that stay: `python -m benchmarks.NAME --help`."""
