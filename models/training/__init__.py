"""How the smile model is made. Not installed with the box: see models/requirements-train.txt."""
