"""Makes a small archive of Debian packages: repository.py FOLDER, with its description as JSON on standard input.

{"suite": "stable",
 "components": {"main": [{"name": "a", "version": "1", "files": {"usr/bin/a": ["x", "text"], "b": ["l", "target"]},
                          "fields": {"Depends": "b"}, "compression": "xz"}]},
 "fields": {"Valid-Until": "…"}, "key": "signing key's name or null", "by-hash": true}

File kinds: f file, x executable, s set-uid, l symlink, d directory, c device, h hard link, r a file under exactly that name.
"""
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import time

COMPRESS = {"xz": lzma.compress, "gz": gzip.compress, "": bytes}


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, (kind, text) in files.items():
            info = tarfile.TarInfo(path if kind == "r" else "./" + path)
            info.mode = {"x": 0o755, "s": 0o4755, "d": 0o755}.get(kind, 0o644)
            data = b""
            if kind in "fxsr":
                data = text.encode()
                info.size = len(data)
            elif kind == "l":
                info.type, info.linkname = tarfile.SYMTYPE, text
            elif kind == "h":
                info.type, info.linkname = tarfile.LNKTYPE, text
            elif kind == "d":
                info.type = tarfile.DIRTYPE
            elif kind == "c":
                info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 3
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def make_deb(package, control):
    ending = package.get("compression", "xz")
    suffix = "." + ending if ending else ""
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", gzip.compress(make_tar({"control": ["f", control]}))),
        ("data.tar" + suffix, COMPRESS[ending](make_tar(package.get("files", {})))),
    ]
    out = b"!<arch>\n"
    for name, data in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def write(folder, path, data):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def add_package(folder, component, package):
    fields = {"Package": package["name"], "Version": package["version"],
              "Architecture": package.get("architecture", "amd64"), **package.get("fields", {})}
    control = "".join(f"{key}: {value}\n" for key, value in fields.items())
    data = make_deb(package, control)
    path = f"pool/{component}/{package['name']}_{package['version'].replace(':', '%3a')}_{fields['Architecture']}.deb"
    write(folder, path, data)
    return control + f"Filename: {path}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"


def sign(text, key):
    return subprocess.run(["gpg", "--batch", "--quiet", "--clearsign", "--local-user", key], input=text,
                          stdout=subprocess.PIPE, check=True).stdout


def main():
    folder = sys.argv[1]
    spec = json.load(sys.stdin)
    suite = spec["suite"]
    dist = f"dists/{suite}/"
    listed = ""
    for component, packages in spec["components"].items():
        text = "".join(add_package(folder, component, package) for package in packages).encode()
        text = spec.get("index-text", text.decode()).encode()
        for ending, compress in COMPRESS.items():
            if ending in spec.get("endings", ["xz", "gz"]):
                data = compress(text)
                place = f"{component}/binary-amd64/"
                path = place + "Packages" + ("." + ending if ending else "")
                digest = hashlib.sha256(data).hexdigest()
                write(folder, dist + path, data)
                if spec.get("by-hash"):
                    write(folder, dist + place + "by-hash/SHA256/" + digest, data)
                listed += f" {digest} {len(data)} {path}\n"
    now = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime())
    fields = {"Origin": "Test", "Suite": suite, "Codename": spec.get("codename", suite), "Date": now,
              "Architectures": "amd64", "Components": " ".join(spec["components"]), **spec.get("fields", {})}
    if spec.get("by-hash"):
        fields["Acquire-By-Hash"] = "yes"
    release = ("".join(f"{key}: {value}\n" for key, value in fields.items()) + "SHA256:\n" + listed).encode()
    key = spec.get("key", "test")
    write(folder, dist + "InRelease", sign(release, key) if key else release)


main()
