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


def measure(name, programs, bench):
    """The generator's answers, one for each load, and the peak of what is resident (MiB)."""
    folder = bench.path("service/" + name)
    server, address = start(name, programs, bench, folder)
    load = [programs + "/reapi-load", "--addr", address, "--server-pid", str(server.pid)]
    answers, prepared = [], set()
    try:
        for operation, flight, size, blobs, _, _, _ in LOADS:
            sizes = ["--size", str(size), "--blobs", str(blobs)]
            if size not in prepared:
                prepared.add(size)
                subprocess.run(load + ["--prepare", "--inflight", "4", "--conns", "2"] + sizes, check=True,
                               stdout=subprocess.DEVNULL)
            answer = subprocess.run(load + ["--op", operation, "--inflight", str(flight), "--conns", str(min(flight, 4)),
                                            "--seconds", SECONDS, "--warmup", "0.3"] + sizes,
                                    check=True, stdout=subprocess.PIPE).stdout
            answers.append(json.loads(answer))
        with open("/proc/%d/status" % server.pid) as status:
            facts = dict(line.split(":", 1) for line in status)
        return answers, int(facts["VmHWM"].split()[0]) / 1024, int(facts["RssAnon"].split()[0]) / 1024
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def run(bench):
    programs = get_peers(bench)
    ours, our_peak, our_own = measure("sluice", programs, bench)
    theirs = {peer: measure(peer, programs, bench) for peer in PEERS}
    for at, (_, flight, size, _, name, cpu_bound, rate_bound) in enumerate(LOADS):
        what = "%s, %d in flight" % (name, flight)
        rates = {peer: theirs[peer][0][at]["ops_per_s"] for peer in PEERS}
        best = max(rates, key=rates.get)
        bench.row(what + ", rate", ours[at]["ops_per_s"] / rates[best], "x", rate_bound,
                  "%s: %.0f/s; ours: %.0f/s, p99 %.0f us" % (best, rates[best], ours[at]["ops_per_s"], ours[at]["p99_us"]),
                  better="more")
        reference = theirs["bazel-remote"][0][at]["server_us_per_op"]
        if cpu_bound and reference:
            bench.row(what + ", CPU", ours[at]["server_us_per_op"] / reference, "x", cpu_bound,
                      "bazel-remote: %.1f us; ours: %.1f us" % (reference, ours[at]["server_us_per_op"]))
    bench.row("peak of resident memory", our_peak / theirs["bazel-remote"][1], "x", 1 / 3,
              "bazel-remote: %.0f MiB (own %.0f); ours: %.0f MiB, mapped index and blobs included (own %.0f)" %
              (theirs["bazel-remote"][1], theirs["bazel-remote"][2], our_peak, our_own))
