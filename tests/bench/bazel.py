"""Bazel's second build, through the action-proxy and against `sluice serve` directly; and a build where everything is cached."""
import os
import shutil
import subprocess

ELEMENT = "abseil.bst"


def project(bench):
    example = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                           "examples", "bazel-monorepo")
    top = os.path.join(bench.scratch, "bazel")
    shutil.copytree(example, top)
    refs = os.path.join(bench.build, "demo", "bazel-monorepo.refs")
    if os.path.exists(refs):
        shutil.copy(refs, os.path.join(top, "project.refs"))
    return top


def run(bench):
    top = project(bench)
    common = [bench.sluice, "-C", top, "--cache", bench.cache]
    bench.command(common + ["build", ELEMENT, "app.bst"])

    cached = bench.interleaved(5, all=lambda: bench.command(common + ["build", ELEMENT, "app.bst"])[0])
    bench.row("sluice build of the example, everything cached", cached["all"] * 1000, "ms", 150)

    store = bench.path("plain/store")
    server = subprocess.Popen([bench.sluice, "--cache", store, "serve", "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        address = server.stdout.readline().decode().split()[-1]

        def proxied():
            bench.command(common + ["artifact", "delete", ELEMENT])
            wall = bench.command(common + ["build", ELEMENT])[0]
            if " 0 misses" not in bench.output:
                raise RuntimeError("the second build missed: " + bench.output[-500:])
            return wall

        # The element again in its own sandbox, with a variable that sends Bazel to the server; the host's loopback is seen by shells only.
        def direct():
            return bench.command(common + ["shell", "--build", ELEMENT, "--", "sh", "-c", DIRECT % address])[0]

        bench.command(common + ["shell", "--build", ELEMENT, "--", "sh", "-c", DIRECT % address])
        least = bench.interleaved(3, proxied=proxied, direct=direct)
        bench.row("Bazel's second build of Abseil, proxy / sluice serve", least["proxied"] / least["direct"], "x", 1.10,
                  "%.1f s against %.1f s" % (least["proxied"], least["direct"]))
    finally:
        server.terminate()
        server.wait()


# The commands of the element's own log, but for where the cache is.
DIRECT = r"""
set -e
export USER=builder
mkdir -p /tmp/bazel
opts="--color=no --curses=no --override_repository=bazel_skylib=/usr/share/bazel/tools/skylib
 --override_repository=platforms=/usr/share/bazel/tools/platforms --override_repository=rules_cc=$PWD/third_party/rules_cc
 --override_repository=rules_java=/usr/share/bazel/rules/java --override_repository=rules_proto=/usr/share/bazel/rules/proto"
bazel="bazel --output_user_root=/tmp/bazel --output_base=/tmp/bazel/base"
$bazel query $opts --noshow_progress 'kind(cc_library, @com_google_absl//absl/...) except attr(testonly, 1, @com_google_absl//absl/...)' >/tmp/targets
$bazel build $opts --cxxopt=-std=c++17 --show_progress_rate_limit=5 --nosandbox_debug --remote_download_outputs=all --jobs=2 \
  --remote_cache=grpc://%s --target_pattern_file=/tmp/targets
$bazel shutdown
"""
