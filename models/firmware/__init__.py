"""Firmware builds of quantized networks: HLS and RTL projects, their proof and their figures."""
