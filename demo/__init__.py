"""The whole chain on one machine: broker, bridge, ear and box as real processes, on generated speech."""
