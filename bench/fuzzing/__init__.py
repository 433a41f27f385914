"""What bench/fuzz.py is made of: cases from seeds, the worker that runs them, and what it checks."""
