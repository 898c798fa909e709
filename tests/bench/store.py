"""The store over the socket: what `sluice serve` answers, with the CPU that it takes for each call."""
import os
import re
import subprocess

# (operation, calls, in flight, size, items, name)
LOADS = [
    ("get-result", 20000, 1, 0, 0, "GetActionResult"),
    ("get-result", 60000, 16, 0, 0, "GetActionResult"),
    ("find-missing", 60000, 16, 0, 1, "FindMissingBlobs(1)"),
    ("find-missing", 10000, 16, 0, 100, "FindMissingBlobs(100)"),
    ("batch-read", 10000, 8, 1024, 100, "BatchReadBlobs of 100 x 1 KiB"),
    ("read", 64, 1, 64 << 20, 0, "ByteStream Read of 64 MiB"),
    ("write", 16, 1, 64 << 20, 0, "ByteStream Write of 64 MiB"),
]
# What the C core alone was measured to take on such a machine: microseconds of CPU a call with 16 in flight; GB/s of bulk.
CORE_CPU = 15


def run(bench):
    store = bench.path("serve/store")
    socket = bench.path("serve/socket")
    server = subprocess.Popen([bench.sluice, "--cache", store, "serve", "--listen", "unix:" + socket],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        server.stdout.readline()
        client = os.path.join(bench.build, "tests", "tools", "reapi-client")
        for operation, calls, flight, size, items, name in LOADS:
            bench.command([client, "unix:" + socket, "bench", operation, str(calls), str(flight), str(server.pid),
                           str(max(size, 64)), str(max(items, 1))])
            figures = dict(re.findall(r"([\w/-]+)=([\d.]+)", bench.output))
            what = "%s, %d in flight" % (name, flight)
            if size > 1 << 20:
                bench.row(what, float(figures["qps"]) * size / 1e9, "GB/s", None, "C core alone: reads 1.8-2.4; SHA-256: 1.4")
                continue
            bench.row(what, float(figures["qps"]) / 1000, "k/s", None,
                      "p50 %s us, p99 %s us" % (figures["p50"], figures["p99"]))
            if flight > 1 and items <= 1:
                bench.row(what + ", CPU of the server", float(figures["server-cpu"]), "us", CORE_CPU * 1.5,
                          "C core alone: 10-15 us")
    finally:
        server.terminate()
        server.wait()
