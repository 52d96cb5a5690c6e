"""What only a later release says."""

FROM_LATER = b"\xba\x3e\x05later"
"""A field 999 with five bytes, which no message of this release has."""
