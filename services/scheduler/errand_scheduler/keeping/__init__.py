"""What is kept: copies of it, its age, its long content, its return after a full disk."""
