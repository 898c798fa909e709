"""A registry of images on loopback: images.py PORT-FILE.  Prints one line for each request: status, path.

It wants a token for everything, and sends those who ask for a layer to another host name, where a token is an error.  Images, all below `some/`:
  base      two layers, with whiteouts, devices and files in /dev; tags `latest` and `list` (for amd64 and arm64)
  opaque    a layer that hides a whole directory of the one below
  others    each with a fault: wrong-digest, no-digest, old, unknown, bad-layer, broken, loop, cut, hostile, through, lying
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
blobs, manifests = {}, {}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, text, mode in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, mode
            data = text.encode() if kind == tarfile.REGTYPE else b""
            info.linkname = text if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    data = gzip.compress(out.getvalue(), mtime=0)
    blobs[sha256(data)] = data
    return {"mediaType": LAYER, "digest": sha256(data), "size": len(data)}


def put(image, tag, value):
    text = json.dumps(value).encode()
    for name in (tag, sha256(text)):
        manifests[image, name] = text
    return sha256(text)


def image(name, tag, *layers, **more):
    return put(name, tag, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": list(layers), **more})


def make():
    file, folder, link, hard = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    lower = layer(("etc", folder, "", 0o755), ("etc/gone", file, "x", 0o644), ("etc/stays", file, "one", 0o644),
                  ("usr/lib", folder, "", 0o755), ("lib", link, "usr/lib", 0o777), ("bin/run", file, "run", 0o755),
                  ("bin/hard", hard, "bin/run", 0o755), ("dev", folder, "", 0o755), ("dev/null", tarfile.CHRTYPE, "", 0o666),
                  ("dev/file", file, "x", 0o644), ("device", tarfile.BLKTYPE, "", 0o644), ("secret", file, "s", 0o000))
    upper = layer(("etc", folder, "", 0o755), ("etc/.wh.gone", file, "", 0o644), ("etc/stays", file, "two", 0o644),
                  ("lib/new", file, "n", 0o644))
    digest = image("some/base", "latest", lower, upper)
    other = image("some/base", "arm", lower)
    entries = [{"digest": d, "platform": {"architecture": a, "os": "linux"}} for d, a in ((other, "arm64"), (digest, "amd64"))]
    put("some/base", "list", {"schemaVersion": 2, "mediaType": LIST, "manifests": entries})
    whole = layer(("a/b", file, "1", 0o644), ("a/c/d", file, "1", 0o644), ("e/f", file, "1", 0o644))
    opaque = layer(("a/.wh..wh..opq", file, "", 0o644), ("a/new", file, "2", 0o644), (".wh.e", file, "", 0o644))
    image("some/opaque", "latest", whole, opaque)
    for name in ("wrong-digest", "no-digest", "cut"):
        image("some/" + name, "latest", lower, note=name)
    cut = layer(("big", file, "0123456789" * 5000, 0o644))
    image("some/cut", "latest", cut)
    image("some/hostile", "latest", layer(("../../evil", file, "x", 0o644)))
    image("some/through", "latest", layer(("out", link, "/tmp", 0o777)), layer(("out/evil", file, "x", 0o644)))
    image("some/bad-layer", "latest", {**lower, "mediaType": "text/plain"})
    own = layer(("lie", file, "x", 0o644))
    image("some/lying", "latest", {**own, "size": own["size"] + 1})
    put("some/old", "latest", {"schemaVersion": 1})
    put("some/unknown", "latest", {"schemaVersion": 2, "mediaType": "text/plain"})
    manifests["some/broken", "latest"] = b'{"schemaVersion": '
    manifests["some/loop", "latest"] = json.dumps(
        {"schemaVersion": 2, "mediaType": LIST, "manifests": [{"digest": "sha256:" + "0" * 64, "platform": {"architecture": "amd64", "os": "linux"}}]}).encode()
    manifests["some/loop", "sha256:" + "0" * 64] = manifests["some/loop", "latest"]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, data, **headers):
        os.write(1, f"{status} {self.path}\n".encode())  # print() writes in pieces, which threads would mix
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if "some/cut" in self.path and "blob" in self.path else data)

    def do_GET(self):
        port = self.server.server_address[1]
        path, _, query = self.path.partition("?")
        words = path.replace("%3A", ":").strip("/").split("/")
        authorization = self.headers.get("Authorization")
        if path == "/token":
            good = query == "service=images&scope=repository:some/thing:pull,push"
            self.answer(200 if good else 400, b'{"token": "secret"}')
        elif words[0] == "elsewhere":
            data = blobs[words[-1]]
            self.answer(400 if authorization else 200, data)
        elif authorization != "Bearer secret":
            challenge = 'Bearer realm="http://127.0.0.1:%d/token",service="images",scope="repository:some/thing:pull,push"' % port
            self.answer(401, b"", Www_Authenticate=challenge)
        elif len(words) == 5 and words[0] == "v2" and words[3] == "manifests":
            name = "/".join(words[1:3])
            data = manifests.get((name, words[4]))
            if data is None:
                self.answer(404, b"")
            elif "no-digest" in name:
                self.answer(200, data)
            else:
                self.answer(200, data, Docker_Content_Digest=sha256(b"x" if "wrong-digest" in name else data))
        elif len(words) == 5 and words[0] == "v2" and words[3] == "blobs" and words[4] in blobs:
            if "some/cut" in path:
                self.answer(200, blobs[words[4]])
            else:
                self.answer(307, b"", Location="http://localhost:%d/elsewhere/%s/%s" % (port, words[2], words[4]))
        else:
            self.answer(404, b"")

    def log_message(self, *args):
        pass


def main():
    make()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0 if len(sys.argv) < 3 else int(sys.argv[2])), Handler) as server:
        with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
            file.write(str(server.server_address[1]))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        server.serve_forever()


main()
