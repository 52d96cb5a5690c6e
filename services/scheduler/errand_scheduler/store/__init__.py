"""Everything that speaks SQL: one file per noun, one writer, a few readers."""
