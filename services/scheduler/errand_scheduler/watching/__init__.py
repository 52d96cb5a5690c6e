"""In memory: who watches, what they are fed, and what is going on right now."""
