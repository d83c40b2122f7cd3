"""Keeping a collection right: calibration, health, change of model, encryption."""
