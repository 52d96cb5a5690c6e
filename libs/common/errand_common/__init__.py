"""What every Errand service shares."""
