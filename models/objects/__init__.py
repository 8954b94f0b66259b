"""The anomaly trigger on objects: autoencoders, and small quantized networks that mimic them."""
