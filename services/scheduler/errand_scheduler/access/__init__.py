"""Who may use this Errand, who is asking, and what they may do."""
