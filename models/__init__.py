"""Inference models of the box: an image in, scores out."""
