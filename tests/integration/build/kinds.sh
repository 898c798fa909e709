#!/bin/bash
# What each element kind makes of its sources and dependencies.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"

new_project
mkdir -p "$work/project/files/tree/sub/deep"
echo one >"$work/project/files/tree/one"
echo two >"$work/project/files/tree/sub/two"
echo three >"$work/project/files/tree/sub/deep/three"
chmod 755 "$work/project/files/tree/one"
ln -s sub/two "$work/project/files/tree/link"
echo 'int main;' >"$work/project/files/main.c"

# ---- import
element import.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
config:
  source: /sub
  target: /opt/tree
END
check "import builds" builds import.bst
check "import: checkout" checkout import.bst
check "import: source and target" file_is "$work/out/opt/tree/two" two
check "import: nothing else" test ! -e "$work/out/opt/tree/one"
element import-nothing.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
config:
  source: /absent
END
sluice build import-nothing.bst
check "import: absent source directory" error_is VIRTUAL_FS ""
check "import: says which" contains "$work/output" "'absent' not found in [CAS://input]"
element import-link.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
config:
  source: /link
END
sluice build import-link.bst
check "import: links are not followed" contains "$work/output" "Cannot open link, which is a 'symlink' in the directory [CAS://input]"
sluice show --deps none --format '%{state}' import-link.bst
check "import: that is not remembered" test "$(tail -n 1 "$work/output")" = buildable
mkdir -p "$work/project/files/some/nothing"
element import-empty.bst <<'END'
kind: import
sources:
- kind: local
  path: files/some
config:
  source: nothing
END
sluice build import-empty.bst
check "import: empty directory" contains "$work/output" "import element at import-empty.bst [line 1 column 0]: No files were found inside directory 'nothing'"
sluice show --deps none --format '%{state} %{artifact-cas-digest}' import-empty.bst
check "import: that is remembered, as a failure without files" test "$(tail -n 1 "$work/output")" = \
	"failed e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0"

# ---- manual
element manual.bst <<'END'
kind: manual
build-depends:
- base.bst
sources:
- kind: local
  path: files/tree
- kind: local
  path: files/main.c
  directory: src
environment:
  GREETING: "it's me"
variables:
  command-subdir: sub
config:
  configure-commands:
  - pwd >where
  - cd deep; exit 0
  build-commands:
  - cat two deep/three ../src/main.c >all
  - echo "$GREETING" >>all
  install-commands:
  - mkdir -p "%{install-root}%{bindir}" "%{install-root}/empty"
  - cp all where "%{install-root}%{bindir}"
  - cp ../one "%{install-root}%{bindir}/one"
  - ln -s one "%{install-root}%{bindir}/link"
END
check "manual builds" builds manual.bst
check "manual: checkout" checkout manual.bst --deps none
check "manual: commands ran in order" file_is "$work/out/usr/bin/all" $'two\nthree\nint main;\nit\'s me'
check "manual: cwd" file_is "$work/out/usr/bin/where" /buildstream/test/manual.bst/sub
check "manual: executable" test -x "$work/out/usr/bin/one"
check "manual: not executable" test ! -x "$work/out/usr/bin/all"
check "manual: link" test "$(readlink "$work/out/usr/bin/link")" = one
check "manual: empty directory" test -d "$work/out/empty"
check "manual: nothing of the base" test ! -e "$work/out/usr/bin/sh"
sluice artifact log manual.bst
check "manual: log has the commands" contains "$work/output" 'cat two deep/three'
check "manual: log has the environment" contains "$work/output" "GREETING: it's me"

# ---- script
element script.bst <<'END'
kind: script
build-depends:
- base.bst
- filename: import.bst
  config:
    location: /input
config:
  commands:
  - mkdir -p "%{install-root}"
  - cat /input/opt/tree/two >"%{install-root}/two"
  - touch /writable
  - pwd >"%{install-root}/where"
END
check "script builds" builds script.bst
check "script: checkout" checkout script.bst --deps none
check "script: location" file_is "$work/out/two" two
check "script: cwd" file_is "$work/out/where" /
check "script: only the install root" test ! -e "$work/out/writable"
element script-read-only.bst <<'END'
kind: script
build-depends:
- base.bst
config:
  root-read-only: true
  commands:
  - if touch /writable; then exit 3; fi
  - touch "%{install-root}/ok"
END
check "script: read-only root" builds script-read-only.bst

element script-root.bst <<'END'
kind: script
build-depends:
- base.bst
variables:
  install-root: /
  cwd: /some/where
config:
  commands:
  - rm -rf /etc
  - touch here
END
check "script: the root as install root" builds script-root.bst
check "script: checkout of a root" checkout script-root.bst --deps none
check "script: a root has what was there, less what was removed" test -e "$work/out/usr/bin/sh" -a ! -e "$work/out/etc"
check "script: a root keeps the working directory and the places of mounts" test -f "$work/out/some/where/here" -a -d "$work/out/dev" -a \
	-d "$work/out/proc" -a -d "$work/out/tmp"
element script-nothing.bst <<'END'
kind: script
build-depends:
- base.bst
END
check "script: no commands" builds script-nothing.bst
check_not "script: nothing is run then" contains "$work/output" "Running commands"
element script-fails.bst <<'END'
kind: script
build-depends:
- base.bst
config:
  commands:
  - touch "%{install-root}/partial"
  - "false"
END
sluice build script-fails.bst
check "script: a failure" error_is SANDBOX command-failed
check "script: what it had made is kept" checkout script-fails.bst --deps none
check "script: that is" test -f "$work/out/partial"

# ---- what fails before an element's own commands is tried again
element not-empty.bst <<'END'
kind: manual
build-depends:
- base.bst
variables:
  build-root: /usr/bin
sources:
- kind: local
  path: files/tree
END
sluice build not-empty.bst
check "a build root that is in use" contains "$work/output" "Staging directory '[CAS://usr/bin]' is not empty"
sluice show --deps none --format '%{state}' not-empty.bst
check "a build root that is in use: not remembered" test "$(tail -n 1 "$work/output")" = buildable

# ---- filter
element parts.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  install-commands:
  - |
    cd "%{install-root}"
    mkdir -p usr/bin usr/include usr/share/doc orphan
    echo run >usr/bin/run; echo header >usr/include/x.h; echo doc >usr/share/doc/x; echo orphan >orphan/file
public:
  bst:
    integration-commands:
    - echo parts >>/etc/integrated
    split-rules:
      headers:
      - /usr/include/**
END
element filter.bst <<'END'
kind: filter
build-depends:
- parts.bst
config:
  include: [headers]
END
check "filter builds" builds filter.bst
check "filter: checkout" checkout filter.bst
check "filter: the domain" file_is "$work/out/usr/include/x.h" header
check "filter: nothing else" test "$(cd "$work/out" && find . -type f | wc -l)" -eq 1
element filter-exclude.bst <<'END'
kind: filter
build-depends:
- parts.bst
config:
  exclude: [headers]
  include-orphans: true
END
check "filter: exclude builds" builds filter-exclude.bst
check "filter: exclude, checkout" checkout filter-exclude.bst
check "filter: orphans" file_is "$work/out/orphan/file" orphan
check "filter: excluded" test ! -e "$work/out/usr/include/x.h"
element filter-unknown.bst <<'END'
kind: filter
build-depends:
- parts.bst
config:
  include: [nonsense]
END
sluice build filter-unknown.bst
check "filter: unknown domain" error_is ELEMENT ""
check "filter: says which" contains "$work/output" "     - nonsense"
sluice show --deps none --format '%{state}' filter-unknown.bst
check "filter: an unknown domain is not remembered" test "$(tail -n 1 "$work/output")" = buildable

# ---- compose
element compose.bst <<'END'
kind: compose
build-depends:
- base.bst
- parts.bst
END
check "compose builds" builds compose.bst
check "compose: checkout" checkout compose.bst --no-integrate
check "compose: everything" test -e "$work/out/orphan/file" -a -e "$work/out/usr/bin/sh"
check "compose: integrated" file_is "$work/out/etc/integrated" parts
check "compose: mount points of the sandbox that integrated it" test -d "$work/out/dev" -a -d "$work/out/proc"
element compose-some.bst <<'END'
kind: compose
build-depends:
- base.bst
- parts.bst
config:
  include: [headers]
  include-orphans: false
END
check "compose with domains builds" builds compose-some.bst
check "compose with domains: says what it does" contains "$work/output" "    Including files from domains: headers
    Excluding orphaned files"
check "compose with domains: says what integration did" contains "$work/output" "INFO    Integration added 4 and removed 0 files"
check "compose with domains: checkout" checkout compose-some.bst
check "compose: what the domain has" file_is "$work/out/usr/include/x.h" header
check "compose: what integration added" file_is "$work/out/etc/integrated" parts
check "compose: not the rest" test ! -e "$work/out/usr/bin/run"
element compose-plain.bst <<'END'
kind: compose
build-depends:
- base.bst
- parts.bst
config:
  integrate: false
END
check "compose without integration builds" builds compose-plain.bst
check "compose without integration: checkout" checkout compose-plain.bst
check "compose: not integrated" test ! -e "$work/out/etc/integrated"

# ---- filter with pass-integration
element filter-pass.bst <<'END'
kind: filter
build-depends:
- parts.bst
config:
  include: [headers]
  pass-integration: true
public:
  bst:
    integration-commands:
    - echo filter >>/etc/integrated
END
element uses-filter.bst <<'END'
kind: manual
build-depends:
- base.bst
- filter-pass.bst
config:
  install-commands:
  - cp /etc/integrated "%{install-root}/integrated"
END
check "filter with pass-integration" builds uses-filter.bst
check "filter with pass-integration: checkout" checkout uses-filter.bst --deps none
check "filter: both integrate, in order" file_is "$work/out/integrated" $'parts\nfilter'

# ---- stack
element stack.bst <<'END'
kind: stack
depends:
- import.bst
- parts.bst
END
check "stack builds" builds stack.bst
check "stack: checkout" checkout stack.bst --no-integrate
check "stack: its dependencies" test -e "$work/out/opt/tree/two" -a -e "$work/out/usr/bin/run"

# ---- what artifacts contain
sluice artifact list-contents stack.bst
check "list-contents: nothing" contains "$work/output" "	This element has no associated artifacts"
element all.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
- kind: local
  path: files/tree/sub
  directory: a
END
check "an import of all builds" builds all.bst
sluice artifact list-contents all.bst
check "list-contents: what is no directory first" test "$(grep $'^\t' "$work/output")" = "	link
	one
	a
	a/two
	a/deep
	a/deep/three
	sub
	sub/two
	sub/deep
	sub/deep/three"
check "a failure without files can be checked out" checkout import-empty.bst --deps none
check "a failure without files: nothing" test -z "$(ls "$work/out")"

finish
