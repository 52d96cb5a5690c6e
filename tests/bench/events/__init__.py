"""Durable events from a runner to watchers, beside the bare parts of the way."""
