"""What the gateway counts of itself, for Prometheus."""
