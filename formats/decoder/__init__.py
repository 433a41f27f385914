"""A second decoder, written from formats/*.md alone: Python, numpy, and nothing of the package."""
