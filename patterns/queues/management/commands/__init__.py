"""What lists the queues and prints how they are deployed."""
