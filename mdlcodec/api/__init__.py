"""What `mdlcodec` offers in Python; `mdlcodec` itself has it all. Everything loads when it is used."""
