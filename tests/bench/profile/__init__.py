"""What a service does with its time under load."""
