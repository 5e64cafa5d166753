"""The page "Tasks": is all clear, what waits where, who works, and the switch to hold a queue."""
