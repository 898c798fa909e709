"""Makes what package registries serve: registry.py FOLDER.  Crates, a CPAN with its listing, a simple index of Python packages with its files."""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile

root = sys.argv[1]


def place(path):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def make_tar(path, members):
    with tarfile.open(place(path), "w:gz") as tar:
        for name, text, mode, kind in members:
            info = tarfile.TarInfo(name)
            info.mode, info.type = mode, kind
            data = b"" if kind != tarfile.REGTYPE else text.encode()
            info.linkname = text if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with open(place(path), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def make_zip(path, members):
    with zipfile.ZipFile(place(path), "w") as archive:
        for name, text, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, text)
    with open(place(path), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def file(name, text, mode=0o644):
    return name, text, mode, tarfile.REGTYPE


def folder(name):
    return name, "", 0o755, tarfile.DIRTYPE


def crate(name, version, *more):
    manifest = '[package]\nname = "%s"\nversion = "%s"\nedition = "2021"\n' % (name, version)
    top = "%s-%s/" % (name, version)
    members = [file(top + "Cargo.toml", manifest), file(top + "src/lib.rs", "pub fn f() {}\n"), *more]
    return make_tar("crates/%s/%s-%s.crate" % (name, name, version), members)


def crates():
    alpha = crate("alpha", "1.0.0", file("alpha-1.0.0/run.sh", "#!/bin/sh\n", 0o755))
    crate("beta", "0.2.1")
    crate("evil", "1.0.0", ("evil-1.0.0/../../out", "x", 0o644, tarfile.REGTYPE))
    with open(place("Cargo.lock"), "w", encoding="utf-8") as out:
        out.write(
            'version = 3\n\n[[package]]\nname = "main"\nversion = "0.1.0"\ndependencies = [\n "alpha",\n "beta",\n]\n\n'
            '[[package]]\nname = "beta"\nversion = "0.2.1"\nsource = "registry+https://example.com/index"\n\n'
            '[[package]]\nname = "alpha"\nversion = "1.0.0"\nsource = "registry+https://example.com/index"\nchecksum = "%s"\n' % alpha
        )


def sdist(path, top):
    if path.endswith(".zip"):
        return make_zip(path, [(top + "/sub/file", "text", 0o100644), (top + "/run", "run", 0o100755),
                               (top + "/link", "run", 0o120777), ("stray", "x", 0o100644)])
    return make_tar(path, [folder(top), file(top + "/setup.py", "setup", 0o755), folder(top + "/pkg"), file(top + "/pkg/a.py", "a"),
                           (top + "/pkg/link", "a.py", 0o777, tarfile.SYMTYPE), file("stray", "x")])


def cpan():
    sdist("authors/id/S/SO/SOME/Some-Thing-1.2.tar.gz", "Some-Thing-1.2")
    sdist("authors/id/S/SO/SOME/Zipped-0.1.zip", "Zipped-0.1")
    with gzip.open(place("modules/02packages.details.txt.gz"), "wt") as out:
        out.write("File: 02packages.details.txt\nLine-Count: 3\n\nSome::Thing::Sub  undef  S/SO/OTHER/x.tar.gz\n"
                  "Some::Thing  1.2  S/SO/SOME/Some-Thing-1.2.tar.gz\nZipped  undef  S/SO/SOME/Zipped-0.1.zip\n"
                  "Gone  1  S/SO/SOME/Gone-1.tar.gz\n")


def pypi():
    files = []
    for version, form in [("1.0", "tar.gz"), ("1.10", "tar.gz"), ("1.9", "zip"), ("2.0rc1", "tar.gz"), ("3.0", "tar.gz")]:
        name = "pony_time-%s.%s" % (version, form)
        digest = sdist("packages/aa/bb/" + name, "pony_time-" + version)
        files.append({"filename": name, "url": "https://files.example.com/packages/aa/bb/" + name,
                      "hashes": {"sha256": digest}, "yanked": "broken" if version == "3.0" else False})
    answers = {"pony-time": json.dumps({"files": files}), "nothing": json.dumps({"files": []}), "broken": '{"files": ['}
    for name, text in answers.items():
        with open(place("simple/" + name), "w", encoding="utf-8") as out:
            out.write(text)


# A build backend that needs nothing from the index.  What it says of the package comes with a look around, which the tests ask for.
BACKEND = '''
import os

def get_requires_for_build_wheel(settings=None):
    return []

def prepare_metadata_for_build_wheel(directory, settings=None):
    name = "{stem}-{version}.dist-info"
    os.makedirs(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as out:
        out.write("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{requires}")
    with open(os.path.join(directory, name, "WHEEL"), "w") as out:
        out.write("Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    return name
'''
# Code of a package that tries what it may not.
LOOK_AROUND = '''
seen = [path for path in {paths} if os.path.exists(path) and os.path.getsize(path) > 0]
for path in {paths}:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    except OSError:
        pass
if seen:
    raise RuntimeError("sees " + " ".join(seen))
'''


def source_package(name, version, requires=(), more=""):
    top = "%s-%s/" % (name, version)
    lines = "".join("Requires-Dist: %s\\n" % item for item in requires)
    path = "pip/%s/%s-%s.tar.gz" % (name, name, version)
    make_tar(path, [file(top + "pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'),
                    file(top + "backend.py", BACKEND.format(name=name, stem=name.replace("-", "_"), version=version, requires=lines) + more),
                    file(top + "PKG-INFO", "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version))])
    with open(place("pip/%s/index.html" % name), "a", encoding="utf-8") as out:
        out.write('<a href="%s">%s</a>\n' % ((os.path.basename(path),) * 2))


def pip():
    source_package("alpha", "1.0")
    source_package("alpha", "1.2", ["alpha-more>=1"])
    source_package("alpha-more", "2.0.1")
    source_package("gamma", "2.5")
    source_package("gamma", "3.0rc1")
    source_package("wrong", "1.0", more="raise RuntimeError('cannot be asked')\n")
    source_package("curious", "1.0", more=LOOK_AROUND.format(paths=repr(sys.argv[2:])))


# A workspace with a package at its top, members by pattern and by path, and ways out of it.
WORKSPACE = {
    "Cargo.toml": '''
[package]
name = "gamma"
version.workspace = true
[dependencies]
serde = { workspace = true, features = ["derive"] }
[workspace]
members = ["crates/*", "./x/../x", "../alpha", "/outside", "../../outside"]
[workspace.package]
version = "0.1.0"
authors = ["A <a@example.com>"]
[workspace.dependencies]
serde = { version = "1.0", default-features = false, features = ["std"] }
log = "0.4"
"dotted.name" = "1"
[workspace.lints.rust]
unsafe_code = "forbid"
[workspace.lints.clippy]
enum_glob_use = { level = "deny", priority = -1 }
''',
    "crates/inner/Cargo.toml": '''# a comment
[package]
name = "inner"
version = { workspace = true }
authors.workspace = true
description = """two
lines"""
[dependencies]
log.workspace = true
implied = { path = "../../deep/implied" }
away = { path = "../../../../../outside" }
serde = { workspace = true, optional = true }
[target.'cfg(target_os = "linux")'.dependencies]
log = { workspace = true, features = ["a"] }
[dev-dependencies]
"dotted.name" = { workspace = true }
[lints]
workspace = true
[[bin]]
name = "one"
[[bin]]
name = "two"
required-features = ["x"]
[badges]
maintenance = { status = "passively-maintained" }
''',
    "crates/inner/lib.rs": "",
    "crates/other/Cargo.toml": '[package]\nname = "other"\nversion = "0.1.0"\n',
    "crates/.hidden/Cargo.toml": '[package]\nname = "hidden"\nversion = "0.1.0"\n',
    "crates/no-crate/file": "",
    "deep/implied/Cargo.toml": '[package]\nname = "implied"\nversion.workspace = true\n[dependencies]\ninner = { path = "../../crates/inner" }\nlog = "1"\n',
    "x/Cargo.toml": '[package]\nname = "x"\nversion = "0.1.0"\n',
}


def workspace():
    for name, text in WORKSPACE.items():
        with open(place("gamma/" + name), "w", encoding="utf-8") as out:
            out.write(text)
    os.chmod(place("gamma/crates/inner/Cargo.toml"), 0o755)
    with open(place("../outside/Cargo.toml"), "w", encoding="utf-8") as out:
        out.write('[package]\nname = "outside"\nversion = "0.1.0"\n')


if sys.argv[2:] == ["workspace"]:
    workspace()
else:
    crates()
    cpan()
    pypi()
    pip()
