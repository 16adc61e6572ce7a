"""The bridge's pages and REST API: `create_app` in `app.py` puts them together."""
