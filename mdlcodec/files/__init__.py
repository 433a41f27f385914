"""Files end to end: labels (`labels`) and networks (`networks`)."""
