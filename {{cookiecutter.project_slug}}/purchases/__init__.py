"""The catalogue, the orders, and the two tasks that follow a purchase."""
