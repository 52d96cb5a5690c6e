"""The live WebSocket: one for many tasks."""
