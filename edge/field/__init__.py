"""What a field engineer asks of a box: doctor, status, logs, bundle."""
