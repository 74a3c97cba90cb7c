"""The fault matrix: what becomes of work, credits and objects when a provider misbehaves. `make faults` prints it."""
