"""What the person in the demo asks for."""

PROMPT = "Make the failing test pass."
FOLLOW_UP = "Also add a test for a price of zero."
