"""Proof that everything in a project gives the emulator's bits.

``checks`` wires up what lies in a project's folder, and repeats the proof of a finished one;
``proof`` compares, and finds the first layer that differs.
"""
