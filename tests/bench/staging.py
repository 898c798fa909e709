"""What a staged root costs: getting it, compiling and configuring in it, against the same root as a plain directory."""
import os
import re
import shutil
import time

UNITS = 16  # C++ files of the compile job
MORE = 4000  # small files on top of the packages, so that the root has more than 20,000 entries

COMPILE = r"""
set -e
mkdir -p /build/src && cd /build/src
for i in $(seq %d); do
  printf '#include <map>\n#include <regex>\n#include <string>\nint f%%d(const std::string &s) { std::map<int, std::string> m;' $i >u$i.cc
  printf ' m[%%d] = s; return std::regex_match(m[%%d], std::regex("a*b")); }\n' $i $i >>u$i.cc
done
ls u*.cc | xargs -P 2 -n 1 g++ -O1 -c
""" % UNITS

CONFIGURE = r"""
set -e
mkdir -p /build && cp -a /src/hello /build/hello && cd /build/hello && sh ./configure --quiet
"""


def project(bench):
    """base.bst of the example with more files and a source tarball, as one root."""
    example = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                           "examples", "bazel-monorepo")
    top = os.path.join(bench.scratch, "staging")
    shutil.copytree(example, top)
    demo = os.path.join(bench.build, "demo", "bazel-monorepo.refs")
    if os.path.exists(demo):
        shutil.copy(demo, os.path.join(top, "project.refs"))
    for number in range(MORE):
        bench.write("staging/files/more/usr/share/more/d%02d/f%04d" % (number // 100, number), "%d\n" % number)
    bench.write("staging/elements/more.bst", "kind: import\nsources:\n- kind: local\n  path: files/more\n"
                "- kind: tar\n  url: debian:pool/main/h/hello/hello_2.10.orig.tar.gz\n  directory: src/hello\n")
    bench.write("staging/elements/root.bst", "kind: compose\nbuild-depends:\n- base.bst\n- more.bst\n")
    return top


def prepare(bench):
    top = project(bench)
    common = [bench.sluice, "-C", top, "--cache", bench.cache]
    bench.command(common + ["source", "track", "more.bst"])
    bench.command(common + ["build", "root.bst"])
    bench.command(common + ["show", "--deps", "none", "--format", "%{artifact-cas-digest}", "root.bst"])
    digest = re.search(r"[0-9a-f]{64}/\d+", bench.output).group(0)
    plain = os.path.join(bench.scratch, "plain")
    bench.command(common + ["artifact", "checkout", "--no-integrate", "--deps", "none", "--directory", plain, "root.bst"])
    return digest, plain


def run(bench):
    digest, plain = prepare(bench)
    entries = sum(len(folders) + len(files) for _, folders, files in os.walk(plain))
    tool = os.path.join(bench.build, "tests", "bench", "sandbox-bench")

    os.environ["SLUICE_LIBEXEC"] = os.path.join(bench.build, "sandbox")

    def staged(command):
        bench.command([tool, bench.cache, digest, "/bin/sh", "-c", command])
        return dict(zip(bench.output.split()[-8::2], map(float, bench.output.split()[-7::2])))

    def native(command):
        writable = os.path.join(plain, "build")
        shutil.rmtree(writable, ignore_errors=True)
        os.mkdir(writable)
        start = time.monotonic()
        bench.command(["bwrap", "--unshare-all", "--bind", plain, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
                       "--clearenv", "--setenv", "PATH", "/usr/bin:/bin:/usr/sbin:/sbin", "--setenv", "HOME", "/tmp",
                       "--setenv", "LC_ALL", "C", "--uid", "1000", "--gid", "1000", "--chdir", "/build",
                       "/bin/sh", "-c", command])
        return (time.monotonic() - start) * 1000

    figures = staged("true")
    bench.row("staging a root of %d entries, first sandbox" % entries, figures["cold"], "ms")
    bench.row("staging it again (sandbox made, /bin/true run, removed)", figures["stage"], "ms", 50,
              "bubblewrap alone takes about 4.5 ms")
    for name, script, bound in (("compile of %d C++ files" % UNITS, COMPILE, 1.05), ("configure of GNU hello", CONFIGURE, 1.10)):
        least = bench.interleaved(4, staged=lambda s=script: staged(s)["run"], native=lambda s=script: native(s))
        bench.row(name + ", sandbox / plain directory", least["staged"] / least["native"], "x", bound,
                  "bubblewrap on a plain directory: %.1f s" % (least["native"] / 1000))

    importer = os.path.join(bench.build, "tests", "bench", "import-bench")
    shutil.rmtree(os.path.join(plain, "build"), ignore_errors=True)

    def imported():
        store = os.path.join(bench.scratch, "import-store")
        shutil.rmtree(store, ignore_errors=True)
        bench.command([importer, store, plain])
        return float(bench.output.split()[0])

    def hashed():
        return bench.command(["sh", "-c", "find . -type f -print0 | xargs -0 -n 200 -P $(nproc) sha256sum"], cwd=plain)[0] * 1000

    least = bench.interleaved(3, imported=imported, hashed=hashed)
    bench.row("import of that directory, speed / sha256sum on as many cores", least["hashed"] / least["imported"], "x", 0.8,
              "sha256sum: %.0f ms, import: %.0f ms" % (least["hashed"], least["imported"]), better="more")
