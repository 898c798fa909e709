"""What the tests of the compiler launcher share: a folder with the launcher, a project, a server for it, and judges.

   Whoever imports it is called with LAUNCHER-TOOL SLUICE-RECC TRACE-SO.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

tool, shim, trace = sys.argv[1:4]
if not shutil.which("gcc"):
    print("SKIP: no gcc")
    sys.exit(77)
work = tempfile.mkdtemp(prefix="sluice-launcher.")
folder, project = work + "/f", work + "/p"
os.makedirs(folder + "/bin")
os.makedirs(project)
shutil.copy(shim, folder + "/bin/recc")
shutil.copy(trace, folder + "/trace.so")
for name in ("gcc", "cc", "g++", "clang", "clang++"):
    os.link(folder + "/bin/recc", folder + "/bin/" + name)
environment = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "SOURCE_DATE_EPOCH")}
environment.update(SLUICE_RECC_FOLDER=folder, LC_ALL="C")
HIT, LEARNED = {"hits": 1, "misses": 0, "others": 0}, {"hits": 0, "misses": 1, "learned": 1, "others": 0}
failures = 0


def check(name, good, what=""):
    global failures
    print(("ok - " if good else "not ok - ") + name + ("" if good else "\n    %s" % (what,)), flush=True)
    failures += not good


def finish():
    shutil.rmtree(work)
    sys.exit(1 if failures else 0)


class Server:
    def __init__(self, scope="full", store="/store", at_home=True, build=project):
        self.process = subprocess.Popen([tool, work + store, folder, scope, build], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        if at_home:
            run("--tell-root", program=folder + "/bin/recc")

    def end(self):
        output, _ = self.process.communicate(timeout=60)
        return {line.split()[0]: int(line.split()[1]) for line in output.splitlines()}

    def kill(self):
        self.process.kill()
        self.process.communicate()


def run(*arguments, cwd=project, env=environment, program=folder + "/bin/gcc", **more):
    return subprocess.run([program, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, **more)


def write(path, text, directory=project):
    path = os.path.join(directory, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    time.sleep(0.02)  # older than what is asked next


def read(path, directory=project):
    with open(os.path.join(directory, path), "rb") as file:
        return file.read()


def remove(*paths, directory=project):
    for path in paths:
        if os.path.lexists(os.path.join(directory, path)):
            os.unlink(os.path.join(directory, path))


def outcome(compiler, flags, outputs, cwd=project, env=environment, **more):
    """What a compiler makes of it, and says."""
    remove(*outputs, directory=cwd)
    ended = run(*flags, cwd=cwd, env=env, program=compiler, **more)
    made = [path for path in outputs if os.path.exists(os.path.join(cwd, path))]
    contents = [read(path, cwd) if path in made else None for path in outputs]
    modes = [os.stat(os.path.join(cwd, path)).st_mode for path in made]
    return ended.returncode, ended.stdout, ended.stderr, contents, modes


def counts_are(name, server, counts):
    got = server.end()
    check(name + ": " + str(counts), all(got.get(key, 0) == value for key, value in counts.items()), got)


def compile_is(name, flags, outputs, counts, scope="full", cwd=project, compiler="gcc", env=environment):
    """The same outcome as without us, and these counts.  Returns the outputs."""
    wanted = outcome(compiler, flags, outputs, cwd, env)
    server = Server(scope, build=cwd)
    ours = outcome(folder + "/bin/" + compiler, flags, outputs, cwd, env)
    check(name + ": as without a launcher", ours == wanted, (ours[:3], wanted[:3]))
    counts_are(name, server, counts)
    return ours[3]
