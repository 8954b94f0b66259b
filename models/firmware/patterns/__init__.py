"""Test vectors in the files of a bench: written, read back, and captured.

``words`` says how the elements of an event become bits, memory lines or frames of links;
``memories`` has hex and COE files, ``links`` the pattern files of EMP and APx boards,
``waveforms`` VCD, ``tables`` csv and NumPy; ``files`` knows them all by name.
"""
