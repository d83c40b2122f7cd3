"""Files: of their owner alone, whole or not at all, encrypted, and cells that are no formulas."""
