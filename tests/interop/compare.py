"""One project under BuildStream and under sluice: the same commands, the same answers."""
import difflib
import json
import os
import re
import shutil
import subprocess

# Every token that does not depend on what has been built.
FORMAT = "\n".join(["=== %{name}", "%{kind} %{state: >12} %{description}", "%{key} %{full-key}", "- vars", "%{vars}", "- env", "%{env}", "- config",
                    "%{config}", "- public", "%{public}", "- deps", "%{deps}", "- build-deps", "%{build-deps}", "- runtime-deps", "%{runtime-deps}",
                    "- %{workspaced}%{workspace-dirs}"])


def write_files(directory, files):
    shutil.rmtree(directory, ignore_errors=True)
    for path, text in files.items():
        full = os.path.join(directory, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)


class Sluice:
    def __init__(self, program, scratch):
        self.program, self.scratch = program, scratch
        self.environment = dict(os.environ, XDG_CACHE_HOME=os.path.join(scratch, "cache"), XDG_CONFIG_HOME=os.path.join(scratch, "config"),
                                HOME=os.path.join(scratch, "home"), LC_ALL="C.UTF-8", SLUICE_ERROR_JSON=os.path.join(scratch, "error.json"))
        for name in ("SLUICE_CACHE", "NO_COLOR"):
            self.environment.pop(name, None)
        os.makedirs(self.environment["HOME"], exist_ok=True)

    def run(self, directory, *args):
        result = subprocess.run([self.program, "-C", directory, "--no-colors", "--no-interactive", *args], env=self.environment, check=False,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        error = None
        if os.path.exists(self.environment["SLUICE_ERROR_JSON"]):
            with open(self.environment["SLUICE_ERROR_JSON"], encoding="utf-8") as file:
                error = json.load(file)
        return {"status": result.returncode, "out": result.stdout.decode(errors="surrogateescape"),
                "err": result.stderr.decode(errors="surrogateescape"), "error": error}


def first_place(error):
    """Where the error is, if its text says so: the place that it begins with, without BuildStream's "KIND element at"."""
    match = re.match(r"(?:\S+ (?:element|source) at )?(\S+ \[line \d+ column \d+\]): ", error["message"])
    return match.group(1) if match else None


def difference(expected, actual):
    """What differs between the two answers, as text; None if nothing does."""
    if expected["status"] == 0 and actual["status"] == 0:
        if expected["out"] == actual["out"]:
            return None
        lines = difflib.unified_diff(expected["out"].split("\n"), actual["out"].split("\n"), "BuildStream", "sluice", lineterm="", n=2)
        return "\n".join(["output"] + list(lines)[:40])
    if expected["status"] != 0 and actual["status"] != 0 and expected["error"] and actual["error"]:
        for field in ("domain", "reason"):
            if expected["error"][field] != actual["error"][field]:
                return f"{field}\n  BuildStream: {expected['error']}\n  sluice:      {actual['error']}"
        # We say where YAML is malformed, where BuildStream says what included it; and more often where else something is.  Of several directives without
        # a list, each names another one first.
        wanted, got = first_place(expected["error"]), first_place(actual["error"])
        if expected["error"]["reason"] not in ("INVALID_YAML", "TRAILING_LIST_DIRECTIVE") and wanted not in (got, None):
            return f"place\n  BuildStream: {expected['error']['message']}\n  sluice:      {actual['error']['message']}"
        return None
    return (f"status\n  BuildStream: {expected['status']} {expected['error'] or expected['err'][-1500:]}\n"
            f"  sluice:      {actual['status']} {actual['error'] or actual['err'][-1500:]}")
