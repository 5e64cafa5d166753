"""What is asked by people, cron and monitors."""
