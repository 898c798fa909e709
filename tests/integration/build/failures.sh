#!/bin/bash
# What a build says when it cannot, and what it keeps.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"

new_project

# ---- a command that fails
element broken.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  build-commands:
  - echo before >left-behind
  - |
    echo about to fail
    exit 7
  - echo never reached
  install-commands:
  - touch "%{install-root}/never"
END
sluice build broken.bst
check "a failed command: status 255" test "$status" -eq 255
check "a failed command: its reason" error_is SANDBOX command-failed
check "a failed command: names it" contains "$work/output" "failed with exitcode 7"
check_not "a failed command: stops" contains "$work/output" "+ sh -c -e echo never reached"
sluice artifact log broken.bst
check "a failed build has a log" contains "$work/output" "about to fail"
sluice build broken.bst
check "a failed build is remembered" error_is SANDBOX command-failed
sluice shell --build --use-buildtree broken.bst -- cat left-behind
check "a failed build keeps its buildtree" contains "$work/output" before
sluice build --retry-failed broken.bst
check "a failed build is tried again" contains "$work/output" "about to fail"

# ---- buildtrees of builds that succeed
element kept.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  build-commands:
  - echo kept >left-behind
END
sluice --cache-buildtrees always build kept.bst
sluice shell --build --use-buildtree kept.bst -- cat left-behind
check "a buildtree is kept on demand" contains "$work/output" kept
sluice artifact delete kept.bst
check "built without" builds kept.bst
sluice shell --build --use-buildtree kept.bst -- cat left-behind
check "a buildtree is not kept by itself" error_is APP missing-buildtree-artifact-created-without-buildtree

# ---- no shell
element empty.bst <<'END'
kind: import
sources:
- kind: local
  path: files/data
END
mkdir "$work/project/files/data"
echo x >"$work/project/files/data/x"
for kind in manual script; do
	case $kind in
	manual) list=build-commands ;;
	script) list=commands ;;
	esac
	element "no-shell-$kind.bst" <<-END
		kind: $kind
		build-depends:
		- empty.bst
		config:
		  $list:
		  - echo hello
	END
	sluice build "no-shell-$kind.bst"
	check "no shell, $kind: reason" error_is SANDBOX missing-command
	check "no shell, $kind: text" contains "$work/output" "Staged artifacts do not provide command 'sh'"
done
element integrates.bst <<'END'
kind: import
sources:
- kind: local
  path: files/data
public:
  bst:
    integration-commands:
    - echo hello
END
element no-shell-integration.bst <<'END'
kind: manual
build-depends:
- integrates.bst
END
sluice build no-shell-integration.bst
check "no shell for integration" error_is SANDBOX missing-command

# ---- read-only root
element read-only.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  build-commands:
  - if touch /usr/bin/new; then exit 1; fi
  - if echo x >/usr/bin/cat; then exit 1; fi
  - if rm /usr/bin/cat; then exit 1; fi
  - touch here /tmp/there
END
check "the root is read-only, the build root is not" builds read-only.bst

# ---- what cannot be stored
element fifo.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  install-commands:
  - mkfifo "%{install-root}/fifo"
  - touch "%{install-root}/file"
END
check "a fifo does not spoil a build" builds fifo.bst
check "a fifo is told of" contains "$work/output" "Sockets, fifos and devices"
check "a fifo: checkout" checkout fifo.bst --deps none
check "a fifo is left out" test -e "$work/out/file" -a ! -e "$work/out/fifo"

# ---- commands do not leave anything running
element daemon.bst <<'END'
kind: manual
build-depends:
- base.bst
config:
  build-commands:
  - sleep 4711 &
END
check "a build with a process left over ends" builds daemon.bst
check_not "the process is gone" grep -qsz 4711 /proc/[0-9]*/cmdline

# ---- a script longer than one argument may be
{
	printf 'kind: manual\nbuild-depends: [base.bst]\nconfig:\n  build-commands:\n'
	for i in $(seq 1 700); do
		echo "  - echo line $i of a long script that does not fit into one argument of a program >>out"
	done
	printf '  install-commands:\n  - cp out "%%{install-root}/out"\n'
} | element long.bst
check "a long script" builds long.bst
check "a long script: checkout" checkout long.bst --deps none
check "a long script: all of it" test "$(wc -l <"$work/out/out")" -eq 700

finish
