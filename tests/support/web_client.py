"""A small HTTP client for the box's local page on loopback."""

import json
import time
from http.client import HTTPConnection

TIMEOUT_S = 15.0


class WebClient:
    def __init__(self, port):
        self.port = port

    def request(self, method, path, body=None, headers=None):
        """Status, headers (lower-case names), body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def post(self, path, body, headers=None):
        """Status and decoded answer of a JSON POST."""
        merged = {"Content-Type": "application/json"} | (headers or {})
        status, _, answer = self.request("POST", path, json.dumps(body), merged)
        return status, json.loads(answer)

    def get_json(self, path, headers=None):
        status, _, answer = self.request("GET", path, headers=headers)
        assert status == 200, (status, answer)
        return json.loads(answer)

    def wait_for(self, condition):
        """Poll the state until `condition(state)` holds; returns the state."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition(state := self.get_json("/state")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the state did not come: {state}")
            time.sleep(0.02)
        return state
