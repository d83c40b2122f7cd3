"""Exporters: published weight files to ONNX."""
