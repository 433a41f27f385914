"""Experiments over many files: what is to be made, side by side on cores, found again when they go on."""
