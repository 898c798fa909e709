"""Projects in one text file: tests/data/projects/NAME.project.

Lines before the first file say what is to be known about the project, with words as a shell would read them:

    options [NAME VALUE]…   one set of keys, in NAME.keys: element, strict key, weak key; "-" where there is none
    show ARGUMENT…          one output of `show`, in NAME.show: "$ show ARGUMENT…", then the output, indented

"--- PATH" begins a file; "--- PATH +x" one that may be executed, "--- PATH -> TARGET" is a symbolic link.  Everything gets the same time of change, which
the keys of workspaces depend on."""
import os
import re
import shlex
import shutil

TIME = 1321009871


def read(path):
    """(lines before the files, [(path, text)])"""
    with open(path, encoding="utf-8", newline="") as file:
        head, *parts = re.split(r"^--- ", file.read(), flags=re.M)
    return head.splitlines(), [tuple(part.split("\n", 1)) for part in parts]


def write_file(directory, name, text):
    name, _, target = name.partition(" -> ")
    name, _, executable = name.partition(" +")
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if target:
        os.symlink(target, path)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.chmod(path, 0o755 if executable else 0o644)


def unpack(files, directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for name, text in files:
        write_file(directory, name, text)
    for base, directories, names in os.walk(directory, topdown=False):
        for name in names + directories:
            os.utime(os.path.join(base, name), (TIME, TIME), follow_symlinks=False)


def option_arguments(line):
    """The words for the command line of a line "options …"."""
    words = shlex.split(line)[1:]
    return [word for i in range(0, len(words), 2) for word in ("--option", words[i], words[i + 1])]


def read_shows(path):
    """[("show …", output)] of a NAME.show."""
    shows = []
    with open(path, encoding="utf-8", newline="") as file:
        for line in file.read().split("\n"):
            if line.startswith("$ "):
                shows.append((line[2:], []))
            elif line:
                shows[-1][1].append(line[2:])
    return [(line, "\n".join(output) + "\n") for line, output in shows]


def show_text(line, output):
    return f"$ {line}\n" + "".join(f"  {text}\n" for text in output.removesuffix("\n").split("\n"))
