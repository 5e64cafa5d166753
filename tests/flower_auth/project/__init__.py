"""The smallest project that copies `flower_auth`: a user, a broker, a worker and Flower."""
