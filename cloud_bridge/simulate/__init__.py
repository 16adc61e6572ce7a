"""A store in a box: days of work at many counters, invented from a seed and sent through the real MQTT path."""
