"""Context mixing of text."""
