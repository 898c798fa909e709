#!/usr/bin/env python3
"""git-server.py DIRECTORY PORT-FILE - serves the git repositories below DIRECTORY with `git http-backend`, and plain files, on a free port of 127.0.0.1.

Below /dumb/ the same files come without the backend; below /broken/N/ the first N requests of a process fail; each request is a line of DIRECTORY/requests.
Any repository has the objects of Git LFS that are in DIRECTORY/lfs/OID, for those who send the header that the answer to a batch names.
With an environment variable OLD_PROTOCOL the server speaks version 0 only, which does not give out single commits.
"""
import http.server
import json
import os
import subprocess
import sys
import urllib.parse

root = os.path.abspath(sys.argv[1])
failures = {}


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=root)

    def log_message(self, *args):
        pass

    def note(self):
        with open(os.path.join(root, "requests"), "a", encoding="utf-8") as log:
            log.write(self.command + " " + self.path + "\n")

    def broken(self):
        words = self.path.split("/", 3)
        if len(words) < 4 or words[1] != "broken":
            return False
        count = failures.setdefault(words[2], int(words[2]))
        self.path = "/" + words[3]
        failures[words[2]] = count - 1
        if count > 0:
            self.send_error(503)
        return count > 0

    def backend(self):
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self.read_chunks()
        environment = {
            **os.environ, "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": urllib.parse.unquote(path),
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": "" if "OLD_PROTOCOL" in os.environ else self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        answer = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=False).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((value for name, value in lines if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def batch(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert request["operation"] == "download" and self.headers["Accept"] == "application/vnd.git-lfs+json"
        objects = []
        for item in request["objects"]:
            path = os.path.join(root, "lfs", item["oid"])
            place = {"href": "http://%s/lfs/%s" % (self.headers["Host"], item["oid"]), "header": {"X-Lfs": "yes"}}
            if os.path.exists(path + ".place"):
                with open(path + ".place", encoding="ascii") as file:
                    place["href"] = file.read()
            found = {"actions": {"download": place}} if os.path.exists(path) else {"error": {"code": 404, "message": "never seen"}}
            objects.append({**item, **found})
        content = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def read_chunks(self):
        body = b""
        while "chunked" in self.headers.get("Transfer-Encoding", ""):
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                break
        return body

    def do_GET(self):
        self.note()
        if self.broken():
            return
        if self.path.startswith("/lfs/") and self.headers["X-Lfs"] != "yes":
            self.send_error(403)
        elif self.path.startswith("/dumb/"):
            self.path = self.path[len("/dumb"):]
            super().do_GET()
        elif "/info/refs" in self.path or "/objects/" in self.path or self.path.endswith("/HEAD"):
            self.backend()
        else:
            super().do_GET()

    def do_POST(self):
        self.note()
        if self.broken():
            return
        if self.path.endswith("/info/lfs/objects/batch"):
            self.batch()
        else:
            self.backend()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[2] + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
