"""The native API through a client that checks the form of every answer."""
import json
import urllib.parse

import openapi
from api import wait_until


class V1:
    described = None

    def __init__(self, api):
        self.api = api

    def document(self):
        """The API's own description: every answer is held to it."""
        if not V1.described:
            V1.described = self.api.get("/v1/openapi.json").json
        return V1.described

    def call(self, method, path, body=None, status=None, query=None, **headers):
        """The JSON of an answer of 2xx, or of the status that is expected."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        answer = self.api.call(method, "/v1" + path, body, **headers)
        openapi.check_answer(self.document(), method, "/v1" + path, answer)
        assert answer.headers["content-type"] == "application/json", answer
        told = json.loads(answer.body)
        if status is None:
            assert 200 <= answer.status < 300, answer
        else:
            assert answer.status == status, answer
        if answer.status >= 400 and answer.status != 408:
            assert list(told) == ["error", "status"] and told["status"] == answer.status, told
            return told["error"]
        return told

    def get(self, path, status=200, **query):
        return self.call("GET", path, status=status, query=query)

    def post(self, path, body=None, status=None):
        return self.call("POST", path, body, status)

    def patch(self, path, body, status=200):
        return self.call("PATCH", path, body, status)

    def delete(self, path, status=200, **query):
        return self.call("DELETE", path, status=status, query=query)

    # What tests need all the time.

    def proxy(self, name="p", upstream="builtin:echo", **more):
        return self.post("/proxies", {"name": name, "listen": "127.0.0.1:0",
                                      "upstream": upstream, **more}, 201)

    def fault(self, type, proxy="p", status=201, **more):
        return self.post("/faults", {"type": type, "proxy": proxy, **more}, status)

    def sessions(self, n=None, **query):
        """Those that are open, once there are n."""
        return wait_until(lambda: (s := self.get("/sessions", **query)["sessions"]) is not None
                          and n in (None, len(s)) and (s or [True]), what=f"{n} sessions")

    def events(self, since=0, event=None, **match):
        answer = self.api.get(f"/v1/events?since={since}")
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/x-ndjson"
        every = [json.loads(line) for line in answer.body.decode().splitlines()]
        return [e for e in every if event in (None, e["event"])
                and all(e.get(k) == v for k, v in match.items())]
