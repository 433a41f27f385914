"""What watches a run, and changes nothing of it: the contract, progress for people, records."""
