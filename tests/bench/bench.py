"""Shared by the benches: interleaved runs, minima, and one table that says what was measured against what.

A bench is a Python file here with a function `run(bench)`; `scripts/bench` calls each of them and prints the table.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Bench:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.sluice = os.path.join(self.build, "bin", "sluice")
        self.rows = []
        self.scratch = tempfile.mkdtemp(prefix="sluice-bench-", dir=os.environ.get("TMPDIR", "/tmp"))
        # Roots of packages are expensive to fetch: they are kept between runs, beside the build.
        self.cache = os.path.join(self.build, "cache")

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwX", self.scratch], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def path(self, *parts):
        name = os.path.join(self.scratch, *parts)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        return name

    def write(self, name, text, mode=0o644):
        name = self.path(name)
        with open(name, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(name, mode)
        return name

    def command(self, arguments, **options):
        """Runs to the end; gives (wall, user + system) seconds; a failure ends the bench with its output."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.stderr.write(done.stdout.decode("utf-8", "replace")[-4000:])
            raise RuntimeError("%s: exit status %d" % (" ".join(arguments), done.returncode))
        self.output = done.stdout.decode("utf-8", "replace")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, cpu

    def interleaved(self, runs, **functions):
        """Calls each function `runs` times in turn; gives the least of each, by name."""
        least = {}
        for _ in range(runs):
            for name, function in functions.items():
                value = function()
                least[name] = min(value, least.get(name, value))
        return least

    def row(self, what, figure, unit, target=None, against="", better="less"):
        """One line of the table. `target` is the bound that we hold ourselves to."""
        verdict = ""
        if target is not None:
            good = figure <= target if better == "less" else figure >= target
            verdict = "yes" if good else "NO"
        sign = "<=" if better == "less" else ">="
        bound = "" if target is None else "%s %g %s" % (sign, target, unit)
        self.rows.append((what, "%.3g %s" % (figure, unit), bound, verdict, against))
        print("  %-58s %12s  %-12s %s  %s" % self.rows[-1], flush=True)

    def note(self, text):
        print("  " + text, flush=True)
