"""What an earlier process left in a log's file; whatever cannot be trusted is cut off."""

import os
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox.blobs import blobs_of
from errand_runner.outbox.disk import frame_bytes, frames, is_torn_end
from errand_runner.outbox.tail import Record

EVENT_BYTES = 1024 * 1024
"""The largest event with the content that it carries itself (ARCHITECTURE.md, Bounds)."""


def recover(path: Path) -> list[Record]:
    """The events of a log, in order and without a hole. Raises OSError.

    A torn end, from a crash in mid-write, was never acted on. After a record that a bad disk changed nothing is
    trusted: the scheduler decides by the last number that is left whether the attempt can go on.
    """
    data = path.read_bytes()
    whole = frames(data)
    records = _in_order(whole)
    kept_bytes = sum(frame_bytes(record.data) for record in records)
    if kept_bytes < len(data):
        if len(records) < len(whole) or not is_torn_end(data[kept_bytes:], longest_record=EVENT_BYTES):
            report_damage(path, f"{len(data) - kept_bytes} bytes after event {len(records)} are not what was written")
        os.truncate(path, kept_bytes)
    return records


def report_damage(path: Path, found: str) -> None:
    """Tell the operator of a file that is not what was written."""
    advice = "check the disk that holds ERRAND_DATA"
    structlog.get_logger().error("outbox_damaged", file=path.name, found=found, advice=advice)


def _in_order(whole: list[bytes]) -> list[Record]:
    records: list[Record] = []
    for data in whole:
        try:
            event = AttemptEvent.FromString(data)
        except DecodeError:
            break
        if event.sequence != len(records) + 1:
            break
        blobs = blobs_of(event)
        size_bytes = len(data) + sum(blob.size_bytes for blob in blobs)
        records.append(Record(data, tuple(blob.sha256 for blob in blobs), size_bytes))
    return records
