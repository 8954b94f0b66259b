"""ONNX models with quantizers of QONNX: integer networks, and a reference in plain arithmetic."""
