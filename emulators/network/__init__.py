"""Quantized networks, bit for bit as hls4ml firmware computes them."""
