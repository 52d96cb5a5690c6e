"""The gateway's only door to the scheduler: plain values in and out, protobuf inside."""
