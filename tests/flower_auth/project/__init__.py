"""The smallest project that copies `flower_auth.py`: a user, a broker, a worker and Flower."""
