"""Random projects: every feature of the format that changes keys or what `show` prints, put together by chance.

`project(seed)` gives ({path: text}, [[argument of the command line, ...], ...]).  The same seed gives the same project."""
import random
import re

TEXTS = ["", "a", "two words", "-O2 -g", "é", "✓ 😀", "tab\there", "back\\slash", "\"quoted\"", "it's", "#no comment", "a: b", "%{", "%{}", "%%",
         "%{not a name}", "{x}", "[1]", "1", "01", "1.0", "0x1F", "yes", "null", "~", "True", "false", "line\nbreak", "/usr/../x", "*", "&a", "!t", "- x",
         "\x7f", "\u2028", "ünïcode", "<&>", "a/b", "$HOME `id`", " padded ", "@at", "%percent", "very " * 30 + "long"]
WORDS = ["alpha", "beta", "gamma", "delta", "low", "high", "x86", "b-c"]
SECTIONS = ["variables", "environment", "config", "public"]
COMMANDS = ["configure-commands", "build-commands", "install-commands", "strip-commands"]
REF = "0123456789abcdef"


class Map(list):
    """A mapping as pairs, so that order and duplicates are ours to choose."""


def plain_ok(text):
    return re.fullmatch(r"[A-Za-z0-9/._+$%{}é-][A-Za-z0-9 /._+=$%{}é-]*", text) and text == text.strip() and not re.match(r"[{}%-]", text) and \
        " #" not in text


def scalar(rng, text, flow=False):
    style = rng.random()
    if style < 0.5 and plain_ok(text) and not (flow and re.search(r"[{}]", text)):
        return text
    if style < 0.7 and "\n" not in text and all(c.isprintable() for c in text):
        return "'" + text.replace("'", "''") + "'"
    out = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\t", "\\t")
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in out) + '"'


def emit(rng, node, indent=0, flow=False):
    """YAML in block style, here and there in flow style; ends in a line break unless flow."""
    pad = " " * indent
    if isinstance(node, str):
        return scalar(rng, node, flow)
    if flow or not node or (rng.random() < 0.1 and len(node) < 4):
        if isinstance(node, Map):
            return "{" + ", ".join(scalar(rng, k, True) + ": " + emit(rng, v, 0, True) for k, v in node) + "}"
        return "[" + ", ".join(emit(rng, v, 0, True) for v in node) + "]"
    lines = []
    for item in node:
        if isinstance(node, Map):
            head, value = pad + scalar(rng, item[0]) + ":", item[1]
        else:
            head, value = pad + "-", item
        if isinstance(value, str) and "\n" in value and re.match(r"\S", value) and rng.random() < 0.5:
            lines.append(head + " |\n" + "".join(f"{pad}  {line}\n" for line in value.split("\n")))
            continue
        text = emit(rng, value, indent + 2)
        if isinstance(value, str) or not text.endswith("\n"):
            lines.append(f"{head} {text}\n")
        elif isinstance(node, list) and not isinstance(node, Map):
            lines.append(head + text[indent + 1:])
        else:
            lines.append(head + "\n" + text)
        if rng.random() < 0.02:
            lines.append(pad + "# a comment\n")
    return "".join(lines)


class Expressions:
    """Conditions over a project's options, most of them without error."""

    def __init__(self, rng, options):
        self.rng, self.options = rng, options

    def of(self, *kinds):
        return [o for o in self.options if o["type"] in kinds]

    def text(self, depth):
        rng = self.rng
        choices = [lambda: repr(rng.choice(WORDS)), lambda: f'"{rng.choice(WORDS)}"']
        options = self.of("enum", "arch", "os")
        if options:
            choices += [lambda: rng.choice(options)["name"]] * 4
        if depth > 0:
            choices += [lambda: f"{self.text(depth - 1)} | {rng.choice(['upper', 'lower', 'trim', 'string', 'capitalize'])}",
                        lambda: f"({self.text(depth - 1)} ~ {self.number(depth - 1)})", lambda: f"{self.text(0)}[0]",
                        lambda: f"({self.text(depth - 1)} if {self.boolean(depth - 1)} else {self.text(depth - 1)})",
                        lambda: f"({self.text(depth - 1)} + {self.text(depth - 1)})"]
        return rng.choice(choices)()

    def number(self, depth):
        rng = self.rng
        choices = [lambda: str(rng.randrange(5))] * 2 + [lambda: f"{rng.randrange(3)}.5"]
        if depth > 0:
            choices += [lambda: f"({self.number(depth - 1)} {rng.choice(['+', '-', '*'])} {self.number(depth - 1)})",
                        lambda: f"{self.text(depth - 1)} | length", lambda: f"(-{self.number(depth - 1)})",
                        lambda: f"({self.number(depth - 1)} {rng.choice(['//', '%', '/'])} {rng.randrange(1, 4)})"]
        return rng.choice(choices)()

    def sequence(self):
        rng = self.rng
        flags = self.of("flags", "element-mask")
        if flags and rng.random() < 0.7:
            return rng.choice(flags)["name"]
        words = ", ".join(repr(rng.choice(WORDS)) for _ in range(rng.randrange(4)))
        return rng.choice([f"[{words}]", f"({words},)" if words else "()"])

    def boolean(self, depth):
        rng = self.rng
        choices = [lambda: f"{self.text(depth)} {rng.choice(['==', '!=', '<', '>='])} {self.text(depth)}",
                   lambda: f"{self.text(0)} {rng.choice(['in', 'not in'])} {self.sequence()}",
                   lambda: f"{self.number(depth)} {rng.choice(['==', '<', '>', '<=', '!='])} {self.number(depth)}",
                   lambda: rng.choice(["True", "False", "true", "none", "1", "''", "[]"])]
        if self.options:
            choices += [lambda: f"{rng.choice(self.options)['name']} is {rng.choice(['', 'not '])}{rng.choice(['defined', 'string', 'boolean', 'none', 'iterable'])}"]
        booleans = self.of("bool")
        if booleans:
            choices += [lambda: rng.choice(booleans)["name"]] * 3
        if depth > 0:
            choices += [lambda: f"{self.boolean(depth - 1)} and {self.boolean(depth - 1)}", lambda: f"{self.boolean(depth - 1)} or {self.boolean(depth - 1)}",
                        lambda: f"not {self.boolean(depth - 1)}", lambda: f"({self.boolean(depth - 1)})"] * 2
        return rng.choice(choices)()


class Project:
    def __init__(self, rng, name, files, root="", depth=0, parent_choices=None):
        self.rng, self.name, self.files, self.root, self.depth = rng, name, files, root, depth
        self.path = rng.choice(["", "elements", "elements"])
        self.elements, self.junctions, self.links, self.includes = [], [], [], []
        self.known = ["prefix", "bindir", "libdir", "datadir", "project-name", "install-root", "strip-binaries"]
        self.options = [self.option(f"o{i}") for i in range(rng.randrange(5))]
        self.expressions = Expressions(rng, self.options)
        self.plugins = rng.random() < 0.15
        self.refs = {}

    def chance(self, p):
        return self.rng.random() < p

    # ---- Pieces ----

    def option(self, name):
        rng = self.rng
        kind = rng.choice(["bool", "bool", "enum", "enum", "flags", "flags", "arch", "os", "element-mask"])
        option = {"name": name, "type": kind, "values": []}
        fields = Map([("type", kind), ("description", "Some option")])
        if kind == "bool":
            fields.append(("default", rng.choice(["True", "False", "true", "false", "1", "0"])))
            option["values"] = ["True", "False"]
        elif kind in ("enum", "flags"):
            option["values"] = rng.sample(WORDS, rng.randrange(1, 5))
            fields.append(("values", option["values"]))
            if kind == "enum":
                fields.append(("default", rng.choice(option["values"])))
            elif self.chance(0.7):
                fields.append(("default", rng.sample(option["values"], rng.randrange(len(option["values"]) + 1))))
        elif kind == "arch":
            option["values"] = rng.sample(["aarch64", "i686", "armv7l", "ppc64le"], 2) + ["x86_64"]
            rng.shuffle(option["values"])
            fields.append(("values", option["values"]))
        elif kind == "os":
            option["values"] = ["Linux", "Darwin"]
            fields.append(("values", option["values"]))
        if self.chance(0.5):
            option["variable"] = "var-" + name
            self.known.append("var-" + name)
            fields.append(("variable", "var-" + name))
        rng.shuffle(fields)
        option["node"] = fields
        return option

    def value(self, variables=True):
        rng = self.rng
        text = rng.choice(TEXTS + WORDS * 3)
        while variables and self.known and rng.random() < 0.45:
            text += rng.choice(["", " ", "-", "/"]) + "%{" + rng.choice(self.known) + "}"
        return text

    def condition(self, depth=2):
        return self.expressions.boolean(self.rng.randrange(depth + 1))

    def maybe_conditional(self, make, base, p=0.3):
        """A section with, sometimes, a conditional part; fragments that are made the same way."""
        if isinstance(base, Map) and self.chance(p):
            fragments = []
            for _ in range(self.rng.randrange(1, 4)):
                fragment = make()
                if self.chance(0.1):
                    fragment = self.maybe_conditional(make, fragment, 1)
                fragments.append(Map([(self.condition(), fragment)]))
            base.insert(self.rng.randrange(len(base) + 1), ("(?)", fragments))
        return base

    def variables(self, count=3, prefix="v", known=True):
        rng = self.rng
        result = Map()
        for _ in range(rng.randrange(count + 1)):
            name = prefix + str(rng.randrange(8)) if rng.random() < 0.85 else rng.choice(["prefix", "bindir", "lib", "strip-binaries", "docdir", "debugdir"])
            if any(name == k for k, _ in result):
                continue
            # Only variables with a smaller number, so that there is no circle.
            earlier = [k for k in self.known if not re.fullmatch(r"v\d", k) or (re.fullmatch(r"v\d", name) and k < name)]
            if not re.fullmatch(r"v\d", name):
                earlier = ["project-name"]
            text = rng.choice(TEXTS + WORDS * 2)
            while earlier and rng.random() < 0.4:
                text += "%{" + rng.choice(earlier) + "}"
            result.append((name, text))
        return result

    def environment(self):
        rng = self.rng
        names = rng.sample(["CFLAGS", "PATH", "A", "B", "C", "LC_ALL", "é", "x y"], rng.randrange(4))
        return Map([(name, self.value()) for name in names])

    def strings(self, count=3):
        return [self.value() for _ in range(self.rng.randrange(count + 1))]

    def directives(self, make, p=0.5):
        """A list, or directives upon one."""
        if not self.chance(p):
            return make()
        keys = self.rng.sample(["(<)", "(>)", "(=)"], self.rng.randrange(1, 4))
        if "(=)" in keys and len(keys) > 1 and self.chance(0.6):
            keys.remove("(=)")
        return Map([(key, make()) for key in keys])

    def splits(self):
        rng = self.rng
        return Map([(name, self.directives(self.globs, 0.5) if name in ("runtime", "devel", "debug") else self.globs())
                    for name in rng.sample(["runtime", "devel", "debug", "own", "other"], rng.randrange(3))])

    def globs(self):
        return self.rng.sample(["/usr/**", "%{bindir}/*", "/etc", "/opt/?", "/[ab]/**", "/usr/lib/*.so*"], self.rng.randrange(1, 4))

    def public(self):
        rng = self.rng
        result = Map()
        if self.chance(0.7):
            bst = Map()
            if self.chance(0.5):
                bst.append(("integration-commands", self.strings()))
            if self.chance(0.5):
                bst.append(("split-rules", self.splits()))
            if self.chance(0.3):
                bst.append(("overlap-whitelist", self.globs()))
            rng.shuffle(bst)
            result.append(("bst", bst))
        if self.chance(0.3):
            result.append(("free", self.free(2)))
        return result

    def free(self, depth):
        rng = self.rng
        form = rng.randrange(3) if depth > 0 else 0
        if form == 0:
            return self.value()
        if form == 1:
            return [self.free(depth - 1) for _ in range(rng.randrange(3))]
        return Map([(name, self.free(depth - 1)) for name in rng.sample(WORDS, rng.randrange(3))])

    def sandbox(self):
        rng = self.rng
        result = Map()
        if self.chance(0.4):
            result.append(("build-uid", rng.choice(["0", "1000", "01", "1_0"])))
        if self.chance(0.3):
            result.append(("build-gid", str(rng.randrange(2000))))
        if self.chance(0.3):
            result.append(("build-arch", rng.choice(["x86_64", "aarch64", "AArch64", "i686", "%{v-arch}", "ppc64le", "riscv64"])))
        if self.chance(0.2):
            result.append(("build-os", rng.choice(["linux", "Linux"])))
        if self.chance(0.3):
            socket = Map([("path", rng.choice(["/tmp/reapi", "%{prefix}/socket"]))])
            if self.chance(0.5):
                socket.append(("action-cache-enable-update", rng.choice(["True", "False"])))
            result.append(("remote-apis-socket", socket))
        return result

    def commands(self):
        rng = self.rng
        result = Map()
        for name in rng.sample(COMMANDS, rng.randrange(len(COMMANDS) + 1)):
            result.append((name, self.directives(self.strings, 0.3)))
        return result

    def element_sections(self, kind):
        """What may stand in an element, in an include for one, and in elements.KIND of project.conf."""
        result = Map()
        build = kind in ("manual", "autotools", "cmake", "make", "meson")
        if self.chance(0.5):
            result.append(("variables", self.maybe_conditional(self.variables, self.variables())))
        if self.chance(0.3):
            result.append(("environment", self.maybe_conditional(self.environment, self.environment())))
        if self.chance(0.2):
            result.append(("environment-nocache", self.rng.sample(["CFLAGS", "A", "B", "TZ"], self.rng.randrange(1, 3))))
        if self.chance(0.3):
            result.append(("public", self.maybe_conditional(self.public, self.public())))
        if self.chance(0.2):
            result.append(("sandbox", self.maybe_conditional(self.sandbox, self.sandbox())))
        if build and self.chance(0.6):
            result.append(("config", self.maybe_conditional(self.commands, self.commands())))
        self.rng.shuffle(result)
        return result

    # ---- Files ----

    def write(self, path, node):
        self.files[self.root + path] = emit(self.rng, node) if node else ""

    def make_include(self, index):
        """A file of element sections; some of them include the ones before."""
        node = self.element_sections("manual")
        if self.includes and self.chance(0.3):
            node.insert(self.rng.randrange(len(node) + 1), ("(@)", self.rng.choice([self.rng.choice(self.includes), list(set(self.rng.choices(self.includes, k=2)))])))
        if self.chance(0.2):
            node = self.maybe_conditional(lambda: self.element_sections("manual"), node, 1)
        path = f"include/i{index}.yml"
        self.write(path, node)
        self.includes.append(path)

    def include_of(self, node, p=0.3):
        choices = self.includes + [f"{junction['path']}:{include}" for junction in self.junctions for include in junction["project"].includes]
        if choices and self.chance(p):
            names = self.rng.sample(choices, min(len(choices), self.rng.choice([1, 1, 2])))
            node.insert(self.rng.randrange(len(node) + 1), ("(@)", names[0] if len(names) == 1 and self.chance(0.5) else names))
        return node

    def make_junction(self, index):
        rng = self.rng
        child_root = f"{self.root}sub{index}/"
        child = Project(rng, f"{self.name}-sub{index}", self.files, child_root, self.depth + 1)
        child.make()
        name = f"junction{index}.bst"
        config = Map()
        options = [(o["name"], self.set_value(o)) for o in child.options if rng.random() < 0.4]
        if options:
            config.append(("options", Map(options)))
        overrides = Map()
        if self.elements and child.elements and self.chance(0.4):
            overrides.append((rng.choice(child.elements), rng.choice(self.elements)))
        if overrides:
            config.append(("overrides", overrides))
        node = Map([("kind", "junction"), ("sources", [Map([("kind", "local"), ("path", f"sub{index}")])])])
        if config:
            node.append(("config", config))
        self.write(self.in_path(name), node)
        self.junctions.append({"path": name, "project": child, "overridden": [k for k, _ in overrides]})

    def set_value(self, option):
        rng = self.rng
        if option["type"] == "flags":
            return ",".join(rng.sample(option["values"], rng.randrange(len(option["values"]) + 1)))
        if option["type"] == "element-mask":
            return ",".join(rng.sample(option["values"], rng.randrange(len(option["values"]) + 1))) if option["values"] else ""
        return rng.choice(option["values"])

    def in_path(self, name):
        return f"{self.path}/{name}" if self.path else name

    def targets(self):
        """(name, element path of ours or of a subproject) that may be depended upon."""
        result = list(self.elements) + list(self.links)
        for junction in self.junctions:
            result += [f"{junction['path']}:{name}" for name in junction["project"].elements + junction["project"].links]
        return result

    def dependency(self, name, kind, key):
        """One dependency in one of its forms."""
        rng = self.rng
        if rng.random() < 0.5:
            return name
        node = Map()
        if ":" in name and self.chance(0.4):
            junction, _, file = name.rpartition(":")
            node += [("filename", file), ("junction", junction)]
        else:
            node.append(("filename", [name] if self.chance(0.2) else name))
        can_build = key != "runtime-depends"
        type_ = "all"
        if key == "depends" and kind not in ("stack",) and self.chance(0.6):
            type_ = rng.choice(["build", "runtime", "all"])
            node.append(("type", type_))
        if can_build and type_ != "runtime" and self.chance(0.2):
            node.append(("strict", "True"))
        if can_build and type_ != "runtime" and kind in ("manual", "script", "autotools", "make") and self.chance(0.3):
            config = Map([("location", self.rng.choice(["/", "/opt", "%{prefix}/x"]))])
            if kind != "script" and self.chance(0.3):
                config = Map([("digest-environment", rng.choice(["DIGEST", "OTHER"]))])
            node.append(("config", config))
        rng.shuffle(node)
        return node

    def dependencies(self, kind, node, names):
        rng = self.rng
        keys = {"compose": ["build-depends"], "filter": ["build-depends"], "script": ["build-depends"], "stack": ["depends"]}.get(
            kind, ["depends", "build-depends", "runtime-depends"])
        lists = {}
        for name in names:
            key = rng.choice(keys)
            lists.setdefault(key, []).append((name, self.dependency(name, kind, key)))
        for key, items in lists.items():
            node.append((key, [item for _, item in items]))

    def sources(self):
        rng = self.rng
        result = []
        for _ in range(rng.randrange(1, 3)):
            kind = rng.choice(["local", "tar", "remote", "tar", "remote"])
            node = Map([("kind", kind)])
            if kind == "local":
                path = f"files/f{rng.randrange(3)}"
                self.files.setdefault(self.root + path + "/some/file", rng.choice(["hello\n", "", "é"]))
                node.append(("path", path))
            else:
                node.append(("url", rng.choice(["https://example.com/x.tar", "up:dir/y.tar.gz", "unknown:z", "https://example.com/%{v9}"][:2])))
                if self.chance(0.9):
                    node.append(("ref", "".join(rng.choice(REF) for _ in range(64))))
                if kind == "tar" and self.chance(0.4):
                    node.append(("base-dir", rng.choice(["", "*", "x-%{project-name}"])))
                if kind == "remote" and self.chance(0.4):
                    node.append(("filename", rng.choice(["f", "%{project-name}.bin"])))
                if kind == "remote" and self.chance(0.3):
                    node.append(("executable", rng.choice(["True", "false"])))
            if self.chance(0.3):
                node.append(("directory", rng.choice(["d", "/d/e", "a/b"])))
            if self.chance(0.15):
                node.append(("provenance", Map([("homepage", self.value(False))])))
            result.append(node)
        return result

    def make_element(self, index):
        rng = self.rng
        name = rng.choice(["", "", "dir/", "other/dir/"]) + f"e{index}.bst"
        kinds = ["manual"] * 4 + ["import", "stack", "script", "compose", "filter"]
        if self.plugins:
            kinds += ["autotools", "cmake", "make", "meson"]
        kind = rng.choice(kinds)
        targets = self.targets()
        if kind in ("compose", "filter") and not targets:
            kind = "manual"
        # Only once each: twice is for the tests of that.
        names = rng.sample(targets, min(len(targets), rng.randrange(5)))
        if kind == "filter":
            names = [rng.choice(targets)]
        node = Map([("kind", kind)])
        if self.chance(0.2):
            node.append(("description", rng.choice(["Text", "Two\nlines", "é"])))
        node += self.element_sections(kind)
        if kind == "import":
            node.append(("sources", self.sources()))
            if self.chance(0.4):
                node.append(("config", Map([("target", rng.choice(["/opt", "%{prefix}"])), ("source", rng.choice(["/", "x"]))])))
        elif kind == "manual" and self.chance(0.3):
            node.append(("sources", self.sources()))
        elif kind == "script":
            node.append(("config", Map([("commands", self.strings(2)), ("root-read-only", rng.choice(["True", "False"]))])))
        elif kind in ("compose", "filter"):
            config = Map()
            for key in ("include", "exclude"):
                if self.chance(0.5):
                    config.append((key, rng.sample(["runtime", "devel", "debug", "locale", "doc"], rng.randrange(3))))
            if self.chance(0.4):
                config.append(("include-orphans", rng.choice(["True", "False"])))
            if kind == "compose" and self.chance(0.4):
                config.append(("integrate", rng.choice(["True", "False"])))
            if kind == "filter" and self.chance(0.3):
                config.append(("pass-integration", rng.choice(["True", "False"])))
            node.append(("config", config))
        if kind == "filter" and [n for n, _ in node if n == "config"] and self.chance(0.5):
            pass
        self.dependencies(kind, node, names)
        if kind not in ("stack", "filter", "compose", "script") and self.chance(0.1):
            pairs = [p for p in node if p[0] == "variables" and isinstance(p[1], Map)]
            if pairs:
                pairs[0][1].append(("notparallel", rng.choice(["True", "False", "1"])))
        self.include_of(node, 0.3)
        if self.chance(0.15):
            node = self.maybe_conditional(lambda: self.element_sections(kind), node, 1)
        rng.shuffle(node)
        self.write(self.in_path(name), node)
        self.elements.append(name)

    def make_link(self, index):
        targets = self.targets()
        if targets:
            name = f"link{index}.bst"
            self.write(self.in_path(name), Map([("kind", "link"), ("config", Map([("target", self.rng.choice(targets))]))]))
            self.links.append(name)

    def make_conf(self):
        rng = self.rng
        conf = Map([("name", self.name), ("min-version", "2.0")])
        if self.path:
            conf.append(("element-path", self.path))
        if self.options:
            conf.append(("options", Map([(o["name"], o["node"]) for o in self.options])))
        if self.plugins:
            conf.append(("plugins", [Map([("origin", "pip"), ("package-name", "buildstream-plugins"), ("elements", ["autotools", "cmake", "make", "meson"])])]))
        base = Map([(f"v{i}", self.value_before(i)) for i in range(8)])
        base.append(("v-arch", rng.choice(["x86_64", "i686", "aarch64"])))
        conf.append(("variables", self.maybe_conditional(self.variables, base)))
        conf.append(("aliases", Map([("up", "https://up.example.com/")])))
        if self.chance(0.4):
            conf.append(("environment", self.maybe_conditional(self.environment, self.environment())))
        if self.chance(0.3):
            conf.append(("environment-nocache", rng.sample(["CFLAGS", "A", "C", "HOME"], 2)))
        if self.chance(0.3):
            conf.append(("split-rules", self.maybe_conditional(self.splits, self.splits())))
        if self.chance(0.3):
            conf.append(("sandbox", self.maybe_conditional(self.sandbox, self.sandbox())))
        if self.chance(0.3):
            conf.append(("fatal-warnings", rng.sample(["overlaps", "unaliased-url-not", "ref-not-in-track", "bad-characters"], 2)))
        if self.chance(0.4):
            kinds = rng.sample(["manual", "script", "stack", "import", "compose"] + (["autotools", "make"] if self.plugins else []), 2)
            conf.append(("elements", Map([(kind, self.maybe_conditional(lambda: self.element_sections("x"), self.element_sections(kind))) for kind in kinds])))
        if self.chance(0.2):
            conf.append(("sources", Map([("tar", Map([("config", Map([("base-dir", rng.choice(["", "over-%{project-name}"]))]))]))])))
        if self.chance(0.2):
            self.write("include/conf.yml", Map([("variables", self.maybe_conditional(self.variables, self.variables())), ("environment", self.environment())]))
            conf.append(("(@)", ["include/conf.yml"]))
        if self.chance(0.15):
            conf = self.maybe_conditional(lambda: Map([("variables", self.variables()), ("environment", self.environment())]), conf, 1)
        rng.shuffle(conf)
        self.write("project.conf", conf)

    def value_before(self, index):
        text = self.rng.choice(TEXTS + WORDS * 2)
        earlier = [f"v{i}" for i in range(index)] + ["project-name"]
        while self.rng.random() < 0.4:
            text += "%{" + self.rng.choice(earlier) + "}"
        return text

    def make(self):
        rng = self.rng
        self.known += [f"v{i}" for i in range(8)]
        for i in range(rng.randrange(3)):
            self.make_include(i)
        count = rng.randrange(2, 8 if self.depth == 0 else 4)
        for i in range(count):
            if self.depth < 2 and rng.random() < (0.12 if self.depth == 0 else 0.08):
                self.make_junction(i)
            self.make_element(i)
            if rng.random() < 0.1:
                self.make_link(i)
        for option in self.options:
            if option["type"] == "element-mask":
                option["values"] = list(self.elements)
        self.make_conf()

    def runs(self):
        """Command lines that show everything: with the defaults, and with options set."""
        rng = self.rng
        targets = self.elements + self.links
        result = []
        for i in range(2 if self.options else 1):
            arguments = []
            for option in self.options if i > 0 else []:
                if rng.random() < 0.7:
                    arguments += ["--option", option["name"], self.set_value(option)]
            result.append(arguments + ["show", "--deps", "all", "--format", "FORMAT"] + targets)
        return result


def mutate(rng, files):
    """Makes one thing wrong, or at least different."""
    path = rng.choice(sorted(p for p in files if p.endswith((".bst", ".conf", ".yml")) and files[p]))
    lines = files[path].split("\n")
    at = rng.randrange(len(lines))
    form = rng.randrange(8)
    if form == 0:
        del lines[at]
    elif form == 1:
        lines.insert(at, lines[rng.randrange(len(lines))])
    elif form == 2:
        lines[at] = re.sub(r"[A-Za-z0-9-]+", lambda m: rng.choice([m.group(), m.group() + "x", "[]", "{}", "''"]), lines[at], count=rng.randrange(1, 3))
    elif form == 3:
        lines[at] = lines[at].replace("%{", "%{no-")
    elif form == 4:
        lines[at] = " " + lines[at]
    elif form == 5:
        words = re.findall(r"[A-Za-z0-9-]+", files[path])
        lines[at] = re.sub(r"[A-Za-z0-9-]+", lambda m: rng.choice(words), lines[at], count=1)
    elif form == 6:
        lines[at] = re.sub(r": .*", ": " + rng.choice(["[a, b]", "{a: b}", "x", "{(>): [x]}", "{(=): []}", "{(@): nothing.yml}", "%{v9}", "*anchor", "&a b"]), lines[at])
    else:
        lines[at] = re.sub(r"(- |: )(\S.*)", lambda m: m.group(1) + rng.choice(["{", "[", '"', "'"]) + m.group(2), lines[at])
    files[path] = "\n".join(lines)


def project(seed):
    rng = random.Random(seed)
    files = {}
    top = Project(rng, "top", files)
    top.make()
    runs = top.runs()
    if rng.random() < 0.4:
        mutate(rng, files)
    return files, runs
