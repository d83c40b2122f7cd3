"""Events: photos in, the roll out, verdicts in between, and files to send to somebody."""
