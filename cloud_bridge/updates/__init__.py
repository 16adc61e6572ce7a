"""Software updates of boxes: releases, offers, and how the boxes get on with them."""
