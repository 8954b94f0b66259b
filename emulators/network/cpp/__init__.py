"""Reading the C++ of firmware projects."""
