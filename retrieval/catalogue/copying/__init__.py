"""Copies of a catalogue: moved to another database, backed up, restored."""
