"""Models: the manifest, and ONNX Runtime sessions over its verified files."""
