"""Codes side by side: files that were written and decoded, as a table, as JSON and as pictures."""
