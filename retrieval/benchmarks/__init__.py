"""Benchmark jobs."""
