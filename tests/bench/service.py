"""`sluice serve` beside bazel-remote and buildbox-casd in the same run, driven by ../shared/peers/reapi-load.

Without ../shared, or where a registry does not answer, nothing is measured, and that is said."""
import json
import os
import shutil
import socket
import subprocess
import time

# (operation, in flight, size, blobs, name, bound of our CPU a call against bazel-remote's, bound of our rate against the best peer's)
LOADS = [
    ("gar-hit", 16, 1024, 4000, "GetActionResult", 0.45, 1.5),
    ("gar-hit", 64, 1024, 4000, "GetActionResult", 0.45, 1.5),
    ("findmissing", 16, 1024, 4000, "FindMissingBlobs(100)", 1 / 3, 1.5),
    ("findmissing", 64, 1024, 4000, "FindMissingBlobs(100)", 1 / 3, 1.5),
    ("batch-read", 8, 4096, 2000, "BatchReadBlobs of 100 x 4 KiB", None, 1.0),
    ("batch-update", 4, 1024, 4000, "BatchUpdateBlobs of 100 x 1 KiB", None, 1.0),
    ("bytestream-read", 1, 1 << 20, 64, "ByteStream Read of 1 MiB", None, 1.2),
    ("bytestream-read", 8, 1 << 20, 64, "ByteStream Read of 1 MiB", None, 1.2),
    ("bytestream-read", 1, 64 << 20, 4, "ByteStream Read of 64 MiB", None, 1.2),
    ("bytestream-read", 8, 64 << 20, 4, "ByteStream Read of 64 MiB", None, 1.2),
    ("bytestream-write", 1, 1 << 20, 64, "ByteStream Write of 1 MiB", None, 1.2),
    ("bytestream-write", 8, 1 << 20, 64, "ByteStream Write of 1 MiB", None, 1.2),
    ("bytestream-write", 1, 64 << 20, 4, "ByteStream Write of 64 MiB", None, 1.2),
]
SECONDS = "1.3"
# Of the curve: SLUICE_BENCH_BLOBS=10000000 takes some 16 GB and minutes.  bazel-remote takes half a millisecond of CPU a blob, and ends at 10^5.
MOST_BLOBS = int(os.environ.get("SLUICE_BENCH_BLOBS", str(10 ** 6)))
PEERS = ["bazel-remote", "buildbox-casd"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def get_peers(bench):
    """The folder of their programs; raises where they cannot be had."""
    here = os.path.dirname(os.path.abspath(__file__))
    shared = os.path.join(here, "..", "..", "..", "shared", "peers")
    destination = os.path.join(os.path.abspath(bench.build), "peers")
    for recipe in ("reapi-load", "bazel-remote", "buildbox-debian"):
        script = os.path.join(shared, recipe + ".sh")
        if not os.path.exists(script):
            raise RuntimeError("no ../shared/peers here")
        if subprocess.run([script, destination], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            raise RuntimeError("%s cannot be had" % recipe)
    return os.path.join(destination, "bin")


def start(name, programs, bench, folder):
    os.makedirs(folder)
    port = free_port()
    address = "127.0.0.1:" + port
    commands = {
        "sluice": [bench.sluice, "--cache", folder + "/store", "serve", "--listen", address],
        "bazel-remote": [programs + "/bazel-remote", "--dir", folder + "/store", "--max_size", "10", "--grpc_address", address,
                         "--http_address", "127.0.0.1:" + free_port()],
        "buildbox-casd": [programs + "/buildbox-casd", "--bind=" + address, "--quota-high=10G", folder + "/store"],
    }
    server = subprocess.Popen(commands[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
            return server, address
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("%s does not start" % name)


class Server:
    """One of those that are compared, alive for the whole run: memory and page cache are the machine's mood, which all have to share."""

    def __init__(self, name, programs, bench, purpose):
        self.name, self.folder = name, bench.path("service/%s-%s" % (purpose, name))
        self.process, address = start(name, programs, bench, self.folder)
        self.load = [programs + "/reapi-load", "--addr", address, "--server-pid", str(self.process.pid)]
        self.prepared = set()

    def prepare(self, size, blobs, *more):
        """Gives what the generator says of it."""
        self.prepared.add(size)
        return json.loads(subprocess.run(self.load + ["--prepare", "--inflight", "4", "--conns", "2", "--size", str(size), "--blobs", str(blobs)] +
                                         list(more), check=True, stdout=subprocess.PIPE).stdout)

    def measure(self, operation, flight, size, blobs, *more):
        answer = subprocess.run(self.load + ["--op", operation, "--inflight", str(flight), "--conns", str(min(flight, 4)), "--seconds", SECONDS,
                                             "--warmup", "0.3", "--size", str(size), "--blobs", str(blobs)] + list(more), check=True,
                                stdout=subprocess.PIPE).stdout
        return json.loads(answer)

    def memory(self):
        """Peak of what is resident, and now: all, and its own (MiB)."""
        with open("/proc/%d/status" % self.process.pid) as status:
            facts = dict(line.split(":", 1) for line in status)
        return [int(facts[key].split()[0]) / 1024 for key in ("VmHWM", "VmRSS", "RssAnon")]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def rates(bench, programs):
    """For each load, the better of two samples by server; the servers take turns, and another one begins each time."""
    servers, best = [Server(name, programs, bench, "rates") for name in ["sluice"] + PEERS], []
    try:
        for number, (operation, flight, size, blobs, _, _, _) in enumerate(LOADS):
            samples = {}
            for turn in range(2):
                first = (number + turn) % len(servers)
                for server in servers[first:] + servers[:first]:
                    if size not in server.prepared:
                        server.prepare(size, blobs)
                    answer = server.measure(operation, flight, size, blobs)
                    samples.setdefault(server.name, []).append(answer)
            best.append({name: max(answers, key=lambda answer: answer["ops_per_s"]) for name, answers in samples.items()})
        return best
    finally:
        for server in servers:
            server.stop()


def equal_work(bench, programs):
    """Peak of resident memory after the same bytes: small blobs and results, then large blobs that come in and go out, eight at a time."""
    peaks = {}
    for name in ["sluice", "bazel-remote"]:
        server = Server(name, programs, bench, "memory")
        try:
            server.prepare(1024, 10000, "--actions", "1000")
            server.prepare(1 << 20, 128)
            server.prepare(64 << 20, 8)
            server.measure("bytestream-read", 8, 64 << 20, 8)
            peaks[name] = server.memory()
        finally:
            server.stop()
    return peaks


def grow(bench, programs, name, most):
    """How throughput and memory go with the number of blobs of 1 KiB."""
    server, done = Server(name, programs, bench, "growth"), 0
    try:
        for count in [10 ** power for power in range(4, 8) if 10 ** power <= most]:
            family = ["--actions", "1000", "--seed", str(count)]  # blobs of another seed are others
            answer = server.prepare(1024, count - done, *family)
            lookups = server.measure("gar-hit", 16, 1024, count - done, *family)
            asked = server.measure("findmissing", 16, 1024, count - done, *family)
            done = count
            peak, resident, own = server.memory()
            bench.row("%s with %.3g blobs: lookups" % (name, done), lookups["ops_per_s"] / 1000, "k/s", None,
                      "FindMissing(100) %.1f k/s; uploads %.0f us of CPU a blob, %.1f k/s; %.0f MiB resident (peak %.0f), %.0f of its own" %
                      (asked["ops_per_s"] / 1000, answer["server_us_per_blob"], count / answer["blob_seconds"] / 1000, resident, peak, own),
                      better="more")
    finally:
        server.stop()


def run(bench):
    programs = get_peers(bench)
    for answers, (_, flight, _, _, name, cpu_bound, rate_bound) in zip(rates(bench, programs), LOADS):
        what = "%s, %d in flight" % (name, flight)
        ours = answers["sluice"]
        best = max(PEERS, key=lambda peer: answers[peer]["ops_per_s"])
        bench.row(what + ", rate", ours["ops_per_s"] / answers[best]["ops_per_s"], "x", rate_bound,
                  "%s: %.0f/s; ours: %.0f/s, p99 %.0f us" % (best, answers[best]["ops_per_s"], ours["ops_per_s"], ours["p99_us"]),
                  better="more")
        reference = answers["bazel-remote"]["server_us_per_op"]
        if cpu_bound and reference:
            bench.row(what + ", CPU", ours["server_us_per_op"] / reference, "x", cpu_bound,
                      "bazel-remote: %.1f us; ours: %.1f us" % (reference, ours["server_us_per_op"]))
    peaks = equal_work(bench, programs)
    ours, theirs = peaks["sluice"], peaks["bazel-remote"]
    bench.row("peak of resident memory, after the same work", ours[0] / theirs[0], "x", 1 / 3,
              "bazel-remote: %.0f MiB; ours: %.0f MiB, what is mapped included" % (theirs[0], ours[0]))
    bench.row("resident memory at the end of it", ours[1] / theirs[1], "x", 1 / 3,
              "bazel-remote: %.0f MiB (own %.0f); ours: %.0f MiB (own %.0f)" % (theirs[1], theirs[2], ours[1], ours[2]))
    grow(bench, programs, "sluice", MOST_BLOBS)
    grow(bench, programs, "bazel-remote", min(MOST_BLOBS, 10 ** 5))
