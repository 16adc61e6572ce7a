"""How long data is kept: days a class, legal holds, the sweep that removes, persons who ask to be removed."""
