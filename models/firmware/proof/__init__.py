"""Proof that a build equals the emulator."""
