"""The built-in page: a small single page for people, of plain files."""
