"""A small stand-in of GitHub's API for try.sh: the comments of one pull request, paged by two, with what was asked written to a file.

usage: api.py FOLDER. FOLDER/comments.json holds the comments as a list of {id, mine, body}; FOLDER/port gets the port, FOLDER/requests one line for each
request; FOLDER/status, when there, is what every write answers.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
PAGE = 2


def comments():
    return json.loads((folder / "comments.json").read_text())


class Api(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (folder / "requests").open("a") as log:
            log.write(f"{self.command} {self.path} {self.headers['Authorization']}\n")
        return asked

    def do_POST(self):
        asked = self.read()
        if self.path == "/graphql":
            return self.graphql(asked)
        if (folder / "status").exists():
            return self.answer(int((folder / "status").read_text()), {"message": "Resource not accessible by integration"})
        assert re.fullmatch(r"/repos/acme/clinic/issues/7/comments", self.path), self.path
        now = comments()
        now.append({"id": 3100000000 + len(now), "mine": True, "body": asked["body"]})
        (folder / "comments.json").write_text(json.dumps(now))
        return self.answer(201, {"id": now[-1]["id"]})

    def do_PATCH(self):
        asked = self.read()
        if (folder / "status").exists():
            return self.answer(int((folder / "status").read_text()), {"message": "Resource not accessible by integration"})
        now = comments()
        [one] = [c for c in now if self.path == f"/repos/acme/clinic/issues/comments/{c['id']}"]
        assert one["mine"], "a comment of somebody else was changed"
        one["body"] = asked["body"]
        (folder / "comments.json").write_text(json.dumps(now))
        return self.answer(200, {"id": one["id"]})

    def graphql(self, asked):
        variables = asked["variables"]
        assert (variables["owner"], variables["name"], variables["number"]) == ("acme", "clinic", 7), variables
        start = int(variables["after"] or 0)
        now = comments()
        nodes = [
            {"url": f"https://github.com/acme/clinic/pull/7#issuecomment-{c['id']}", "viewerDidAuthor": c["mine"], "body": c["body"]}
            for c in now[start : start + PAGE]
        ]
        end = start + PAGE
        info = {"hasNextPage": end < len(now), "endCursor": str(end)}
        found = {"pullRequest": {"comments": {"pageInfo": info, "nodes": nodes}}}
        return self.answer(200, {"data": {"repository": found}})

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Api)
(folder / "port.part").write_text(str(server.server_port))
(folder / "port.part").rename(folder / "port")
server.serve_forever()
