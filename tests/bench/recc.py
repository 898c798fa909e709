"""Compile caching in a sandbox: cold against no launcher, warm beside ccache, and what the launcher itself takes to start."""
import os
import re
import subprocess

SMALL, LARGE, ROUNDS = 40, 10, 3

SOURCES = r"""
set -e
mkdir -p src && cd src
for i in $(seq %(small)d); do
  printf '#include <stdio.h>\nint f%%d(void) { return puts("%%d"); }\n' $i $i >s$i.c
done
mkdir -p a b c d e f
for i in $(seq 300); do printf '#include <stddef.h>\nstruct s%%d { int a; long b; };\nstatic inline int g%%d(struct s%%d *s) { return s->a; }\n' $i $i $i >f/h$i.h; done
for i in $(seq %(large)d); do
  { for j in $(seq 300); do printf '#include <h%%d.h>\n' $j; done
    printf '#include <map>\n#include <string>\n#include <vector>\nint f%%d(const std::string &s) { std::map<std::string, std::vector<int>> m; m[s].push_back(%%d); return (int)m.size(); }\n' $i $i; } >l$i.cc
done
sleep 0.1
""" % {"small": SMALL, "large": LARGE}

# All compiles of a kind, one after the other; milliseconds for each.
MEASURE = r"""
cd src
measure() { # NAME COUNT COMMAND PREFIX SUFFIX
  start=$(date +%%s%%N)
  for i in $(seq $2); do $3 -O2 -Ia -Ib -Ic -Id -Ie -If -MD -c $4$i.$5 -o $4$i.o; done
  end=$(date +%%s%%N)
  echo "$1 $(( (end - start) / $2 / 1000 ))" >>../figures
}
both() { # NAME PREFIX-OF-COMMAND
  measure $1-small %(small)d "$2gcc" s c
  measure $1-large %(large)d "$2g++" l cc
}
export CCACHE_DIR=/buildstream-install/ccache CCACHE_NOHASHDIR=1
rm -rf $CCACHE_DIR
shim=/run/sluice-recc/bin/
# what is left of the last round must not be known
for f in *.c *.cc; do echo "int round_%(round)d;" >>$f; done
sleep 0.1
both plain /usr/bin/
both cold $shim
both warm $shim
both ccache-cold "/usr/bin/ccache /usr/bin/"
both ccache "/usr/bin/ccache /usr/bin/"
export CCACHE_HARDLINK=1 CCACHE_NOCOMPRESS=1 CCACHE_NOSTATS=1 CCACHE_COMPILERCHECK=none CCACHE_SLOPPINESS=file_stat_matches
rm -rf $CCACHE_DIR
both ccache-fastest-cold "/usr/bin/ccache /usr/bin/"
both ccache-fastest "/usr/bin/ccache /usr/bin/"
rm -rf $CCACHE_DIR
"""


def element(bench, number):
    lines = ["kind: manual", "build-depends: [base.bst]", "variables:", "  recc: true", "  strip-binaries: ''", "config:", "  build-commands:"]
    for script in (SOURCES, MEASURE % {"small": SMALL, "large": LARGE, "round": number}):
        lines.append("  - |")
        lines += ["    " + line for line in script.strip().split("\n")]
    lines += ["  install-commands:", "  - mkdir -p %{install-root} && cp figures %{install-root}/"]
    bench.write("recc/elements/round%d.bst" % number, "\n".join(lines) + "\n")


def prepare(bench):
    root = bench.path("recc", "files", "base", "etc")
    os.makedirs(root)
    tools = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools", "compiler-root")
    bench.command([tools, os.path.dirname(root), "sh", "mkdir", "rm", "cp", "seq", "sleep", "date", "ccache"])
    bench.write("recc/project.conf", "name: bench\nmin-version: 2.0\nelement-path: elements\n")
    bench.write("recc/elements/base.bst", "kind: import\nsources:\n- kind: local\n  path: files/base\n")
    return bench.path("recc")


def measure(bench, top, number):
    element(bench, number)
    out = os.path.join(bench.scratch, "recc-out%d" % number)
    common = [bench.sluice, "-C", top, "--cache", os.path.join(bench.scratch, "recc-cache"), "--no-colors"]
    bench.command(common + ["build", "round%d.bst" % number])
    counts = re.search(r"Compile cache: .*", bench.output).group(0)
    if not counts.startswith("Compile cache: %d hits, %d misses, %d learned" % ((SMALL + LARGE,) * 3)):
        raise RuntimeError(counts)
    bench.command(common + ["artifact", "checkout", "--deps", "none", "--directory", out, "round%d.bst" % number])
    with open(os.path.join(out, "figures"), encoding="utf-8") as lines:
        return {name: int(value) / 1000 for name, value in (line.split() for line in lines)}


def start(bench):
    """Milliseconds of a static program that does nothing, and of the launcher: each run 500 times by one that only does that."""
    source = bench.write("recc-start/empty.c", "int main(void) { return 0; }\n")
    loop = bench.write("recc-start/loop.c", "#include <spawn.h>\n#include <stdio.h>\n#include <sys/wait.h>\n#include <time.h>\n"
                       "extern char **environ;\nint main(int c, char **v) { struct timespec a, b; int s; pid_t p;\n"
                       "clock_gettime(CLOCK_MONOTONIC, &a);\nfor (int i = 0; i < 500; i++) {\n"
                       "if (posix_spawn(&p, v[1], 0, 0, v + 1, environ)) return 1; waitpid(p, &s, 0); }\n"
                       "clock_gettime(CLOCK_MONOTONIC, &b);\n(void)c;\n"
                       "printf(\"%f\\n\", ((b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6) / 500); return 0; }\n")
    bench.command(["musl-gcc", "-O2", "-static", source, "-o", bench.path("recc-start", "empty")])
    bench.command(["gcc", "-O2", loop, "-o", bench.path("recc-start", "loop")])

    def run(*program):
        done = subprocess.run([bench.path("recc-start", "loop"), *program], stdout=subprocess.PIPE, check=True)
        return float(done.stdout.split()[-1])

    shim = os.path.join(bench.build, "recc-shim", "sluice-recc")
    return bench.interleaved(5, empty=lambda: run(bench.path("recc-start", "empty")), shim=lambda: run(shim, bench.path("recc-start", "empty")))


def run(bench):
    os.environ["SLUICE_LIBEXEC"] = os.path.join(bench.build, "sandbox")
    top = prepare(bench)
    least = {}
    for number in range(ROUNDS):
        for name, value in measure(bench, top, number).items():
            least[name] = min(value, least.get(name, value))
    for size, what in (("small", "C file of 20 ms"), ("large", "C++ file with 300 headers")):
        plain, warm = least["plain-" + size], least["warm-" + size]
        bench.row("compile of a %s, cold / without a launcher" % what, least["cold-" + size] / plain, "x", 1.02,
                  "%.1f ms; ccache cold %.2f x" % (plain, least["ccache-cold-" + size] / plain))
        bench.row("warm", warm, "ms", 1.2, "ccache %.1f, fastest %.1f ms" % (least["ccache-" + size], least["ccache-fastest-" + size]))
        bench.row("warm / ccache's fastest setting", warm / least["ccache-fastest-" + size], "x", 1 / 3, "")
    figures = start(bench)
    bench.row("the launcher starts a program, beyond the program alone", figures["shim"] - figures["empty"], "ms", 0.3,
              "an empty static program: %.2f ms" % figures["empty"])
