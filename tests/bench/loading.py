"""What it costs to load projects and to compute all keys: a generated one of growing size, a deep chain, and freedesktop-sdk beside BuildStream itself."""
import os
import re
import shutil
import subprocess
import sys

import bench as harness

SIZES = (10000, 30000, 100000, 300000)
CHAIN = 200000
SHOW = ["show", "--deps", "all", "--format", "%{name} %{full-key}"]
SHARED = os.path.join(os.path.dirname(harness.ROOT), "shared")


def make(bench, count, shape):
    top = os.path.join(bench.scratch, "%s-%d" % (shape, count))
    bench.command([sys.executable, os.path.join(harness.ROOT, "tests", "tools", "make-project"), top, str(count), shape])
    return top


def measure(bench, top, runs, targets, count):
    """Least wall and CPU seconds, and MB at the peak."""
    command = ["time", "-f", "peak %M KB", bench.sluice, "-C", top, "--cache", bench.path("cache-loading", "store")] + SHOW + targets
    least = [1e9, 1e9, 0]
    for _ in range(runs):
        wall, cpu = bench.command(command)
        least = [min(least[0], wall), min(least[1], cpu), int(re.search(r"peak (\d+) KB", bench.output).group(1)) / 1000]
        shown = len(re.findall(r"^\S+ (?:[0-9a-f]{64}|\?{64})$", bench.output, re.M))
        if shown != count:
            raise RuntimeError("%d elements shown where there are %d" % (shown, count))
    return least


def growth(bench):
    per_element = []
    for count in SIZES:
        top = make(bench, count, "modules")
        wall, cpu, peak = measure(bench, top, 3, ["all.bst"], count)
        per_element.append(cpu / count)
        bounded = count == 100000
        bench.row("load and all keys of %d elements" % count, wall, "s", 2 if bounded else None, "CPU %.2f s, %.1f us each" % (cpu, cpu / count * 1e6))
        bench.row("its memory", peak, "MB", 700 if bounded else None)
        shutil.rmtree(top)
    bench.row("CPU for one of %d elements over one of %d" % (SIZES[-1], SIZES[0]), per_element[-1] / per_element[0], "times", 1.5,
              "1: time grows as the project does")


def deep_chain(bench):
    top = make(bench, CHAIN, "chain")
    wall, cpu, peak = measure(bench, top, 1, ["all.bst"], CHAIN)
    bench.row("a chain of %d elements" % CHAIN, wall, "s", None, "CPU %.2f s, %.0f MB" % (cpu, peak))
    shutil.rmtree(top)


def install_bst(bench):
    """BuildStream's program, or None where the registry does not answer."""
    venv = os.path.join(bench.cache, "bst-venv")
    bst = os.path.join(venv, "bin", "bst")
    if not os.path.exists(bst):
        try:
            bench.command([sys.executable, "-m", "venv", venv])
            bench.command([os.path.join(venv, "bin", "pip"), "install", "-q", "BuildStream==2.8.1", "buildstream-plugins==2.5.0",
                           "buildstream-plugins-community==2.3.1", "dulwich", "requests", "tomlkit"])
        except RuntimeError:
            shutil.rmtree(venv, ignore_errors=True)
            return None
    return bst


def freedesktop(bench):
    archive = os.path.join(SHARED, "projects", "freedesktop-sdk.tar.zst")
    prepare = os.path.join(SHARED, "oracles", "freedesktop-sdk", "prepare-fdsdk")
    if not os.path.exists(archive):
        bench.note("SKIPPED: freedesktop-sdk: there is no ../shared")
        return
    work = bench.path("fdsdk", "x")[:-2]
    bench.command([prepare, archive, work])
    top = os.path.join(work, "freedesktop-sdk")
    wall, cpu, peak = measure(bench, top, 10, [], 1834)
    bench.row("freedesktop-sdk, 1834 keys", wall, "s", 0.15, "CPU %.3f s" % cpu)
    bench.row("its memory", peak, "MB", 120)
    bst = install_bst(bench)
    if bst is None:
        bench.note("SKIPPED: BuildStream 2.8.1 could not be installed; it takes 7 to 8 s (measured elsewhere)")
        return
    environment = dict(os.environ, XDG_CACHE_HOME=bench.path("bst-cache", "x")[:-2], XDG_CONFIG_HOME=bench.scratch)
    command = [bst, "--no-interactive", "-C", top] + SHOW
    slow = min(bench.command(command, env=environment)[0] for _ in range(2))
    bench.row("BuildStream's time over ours", slow / wall, "times", 60, "bst show: %.2f s" % slow, better="more")


def run(bench):
    if subprocess.run(["which", "time"], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise RuntimeError("the program time is not installed")
    freedesktop(bench)
    growth(bench)
    deep_chain(bench)
