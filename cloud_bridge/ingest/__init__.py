"""From MQTT messages to committed rows: parse, commit a batch, assemble tracks, the thread that does it."""
