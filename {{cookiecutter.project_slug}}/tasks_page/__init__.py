"""The page "Tasks": whether all is clear, what waits where, who works, and the switch to hold it."""
