"""What an element costs: trivial commands, a big import, and a build where everything is cached."""
import os
import random
import shutil
import time

TRIVIAL = 30
FILES = 20000
BYTES = 130 * 1000 * 1000


def project(bench, name):
    bench.write(name + "/project.conf", "name: bench\nmin-version: 2.0\nelement-path: elements\n")
    return os.path.join(bench.scratch, name)


def busybox_base(bench, name):
    """A root of one static program."""
    target = bench.path(name + "/files/base/bin/busybox")
    shutil.copy("/bin/busybox", target)
    os.chmod(target, 0o755)
    for applet in ("sh", "true", "echo", "mkdir", "rm", "cat", "cp"):
        os.symlink("busybox", os.path.join(os.path.dirname(target), applet))
    bench.write(name + "/elements/base.bst", "kind: import\nsources:\n- kind: local\n  path: files/base\n")


def trivial_elements(bench):
    top = project(bench, "trivial")
    busybox_base(bench, "trivial")
    for number in range(TRIVIAL):
        bench.write("trivial/elements/e%02d.bst" % number,
                    "kind: manual\nbuild-depends:\n- base.bst\nconfig:\n  install-commands:\n"
                    "  - mkdir -p %%{install-root} && echo %d >%%{install-root}/f%d\n" % (number, number))
    names = "".join("- e%02d.bst\n" % number for number in range(TRIVIAL))
    bench.write("trivial/elements/all.bst", "kind: stack\ndepends:\n" + names)

    def once():
        cache = bench.path("cache-trivial")
        shutil.rmtree(cache, ignore_errors=True)
        common = [bench.sluice, "-C", top, "--cache", cache, "--builders", "1"]
        bench.command(common + ["build", "base.bst"])
        return bench.command(common + ["build", "all.bst"])[0] / TRIVIAL * 1000

    least = bench.interleaved(3, each=once)
    bench.row("trivial manual element, one builder, each of %d" % TRIVIAL, least["each"], "ms", 60,
              "BuildStream 2.8.1: 1200 ms (measured elsewhere)")


def big_import(bench):
    top = project(bench, "import")
    generator = random.Random(1)
    data = generator.randbytes(BYTES // FILES)
    for number in range(FILES):
        name = bench.path("import/files/tree/d%03d/f%05d" % (number // 100, number))
        with open(name, "wb") as out:
            out.write(number.to_bytes(4, "big") + data[4:])
    bench.write("import/elements/tree.bst", "kind: import\nsources:\n- kind: local\n  path: files/tree\n")
    time.sleep(1)
    common = [bench.sluice, "-C", top, "--cache"]

    def cold():
        cache = bench.path("cache-import")
        shutil.rmtree(cache, ignore_errors=True)
        return bench.command(common + [cache, "build", "tree.bst"])[0]

    def again():
        return bench.command(common + [bench.path("cache-import"), "build", "tree.bst"])[0]

    def hashing():
        return bench.command(["sh", "-c", "find files/tree -type f -print0 | xargs -0 -n 500 -P $(nproc) sha256sum"],
                             cwd=top)[0]

    least = bench.interleaved(3, cold=cold, again=again, hashing=hashing)
    bench.row("import of %d files, %d MB, cold" % (FILES, BYTES // 1000000), least["cold"], "s", 1.5,
              "sha256sum alone %.2f s; BuildStream 2.8.1: 8.3 s" % least["hashing"])
    bench.row("the same again, everything cached", least["again"] * 1000, "ms", 150, "BuildStream 2.8.1: 4800 ms")


def run(bench):
    trivial_elements(bench)
    big_import(bench)
