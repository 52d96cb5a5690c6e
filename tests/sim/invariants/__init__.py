"""What must hold after every step, read from the database and from what peers were told, not from the code's memory."""
