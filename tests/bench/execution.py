"""Actions that `sluice serve --execute` runs: a thousand that do nothing, beside the bare command and bubblewrap alone."""
import os
import re
import shutil
import subprocess
import time

COUNT = int(os.environ.get("SLUICE_BENCH_ACTIONS", "1000"))
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0"
PROGRAMS = ["/bin/true", "/bin/sh", "/bin/cat"]
BUBBLEWRAP = ("bwrap --unshare-all --cap-drop ALL --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc "
              "--tmpfs /tmp -- /bin/true").split()


def make_root(top):
    """The programs with the libraries that they need."""
    for program in PROGRAMS:
        libraries = re.findall(r"/[^ ]+", subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode())
        for source in [program] + libraries:
            target = top + source if source != program else os.path.join(top, "bin", os.path.basename(program))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target):
                shutil.copy(os.path.realpath(source), target)


def project(bench):
    make_root(bench.path("execution/files/root", "."))
    bench.write("execution/project.conf", "name: execution\nmin-version: 2.0\nelement-path: elements\n")
    bench.write("execution/elements/root.bst", "kind: import\nsources:\n- kind: local\n  path: files/root\n")
    return bench.path("execution", ".")


def median(command, count=200):
    times = []
    for _ in range(count):
        start = time.monotonic()
        subprocess.run(command, check=True, close_fds=False)
        times.append(time.monotonic() - start)
    return sorted(times)[count // 2] * 1000


def run(bench):
    common = [bench.sluice, "-C", project(bench), "--cache", bench.path("execution-store", ".")]
    bench.command(common + ["build", "root.bst"])
    server = subprocess.Popen(common + ["serve", "--execute", "--environment", "root.bst", "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        address = server.stdout.readline().decode().split()[-1]
        client = os.path.join(bench.build, "tests", "tools", "reapi-client")

        def executed(parallel):
            bench.command([client, address, "execute-many", str(COUNT), str(parallel), EMPTY, "true"])
            return [float(number) for number in re.findall(r"([\d.]+) ms", bench.output)]

        bare, wrapped = median(["/bin/true"]), median(BUBBLEWRAP)
        mean, middle = executed(1)
        bench.row("an executed action, beyond its bare command", middle - bare, "ms", 8,
                  "%.2f ms against %.2f ms; bubblewrap alone adds %.2f ms" % (middle, bare, wrapped - bare))
        bench.row("%d executed actions, one at a time" % COUNT, mean, "ms each")
        bench.row("%d executed actions, two at a time" % COUNT, executed(2)[0], "ms each")
    finally:
        server.terminate()
        server.wait()
