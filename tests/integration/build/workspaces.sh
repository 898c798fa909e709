#!/bin/bash
# Builds of elements with open workspaces, which go on where the last one ended, as BuildStream's do.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"

new_project
mkdir -p "$work/project/files/src/sub"
cd "$work/project/files/src"
echo one >a
echo two >b
echo inner >sub/x
# Stands for make: what is newer than what was made of it is made again.
cat >make.sh <<'END'
for file in a b; do
	[ -e $file.o ] && [ ! $file -nt $file.o ] && continue
	cat $file >$file.o
	echo $file >>made
done
END
cd - >/dev/null
element work.bst <<'END'
kind: manual
build-depends:
- base.bst
sources:
- kind: local
  path: files/src
config:
  configure-commands:
  - if [ -e configured ]; then exit 1; fi
  - touch configured
  build-commands:
  - sh make.sh
  - if [ -e broken ]; then exit 1; fi
  install-commands:
  - cp made a.o b.o "%{install-root}"
  - ls -a . sub >"%{install-root}/list"
END
element part.bst <<'END'
kind: filter
build-depends:
- work.bst
config:
  include-orphans: true
END
last_build() {
	sed -n 's/^ *last_build: *//p' "$work/project/.bst2/workspaces.yml"
}
key_of() {
	sluice show --deps none --format '%{full-key}' "$1"
	tail -n 1 "$work/output"
}
edit=$work/project/edit

# ---- filters lead to what they filter
sluice workspace open --directory edit part.bst
check "a workspace of a filter is one of what it filters" contains "$work/output" "Element 'part.bst' redirected to 'work.bst'"
check "it has the sources" test -f "$edit/sub/x"
sluice workspace open part.bst
check "open already" contains "$work/output" "Element 'work.bst' already has an open workspace defined at: $edit"
check "nothing was built yet" test -z "$(last_build)"

# ---- the first build, and one that goes on
check "builds in a workspace" builds work.bst
check_not "starts from the sources" contains "$work/output" "Incremental build"
check "its key is the last build's" test "$(last_build)" = "$(key_of work.bst)"
check "checkout" checkout work.bst --deps none
check "makes all" file_is "$work/out/made" $'a\nb'
check "the workspace itself is not built in" test ! -e "$edit/made"
sleep 1.1 # some shells compare whole seconds
echo newer >"$edit/b"
rm "$edit/sub/x"
echo added >"$edit/sub/y"
check "builds after a change" builds work.bst
check "goes on" contains "$work/output" "Incremental build"
check "checkout after a change" checkout work.bst --deps none
check "makes what is newer than before" file_is "$work/out/made" $'a\nb\nb'
check "of what it is now" file_is "$work/out/b.o" newer
check "added and removed files" test "$(tail -n 3 "$work/out/list")" = $'.\n..\ny'
sluice shell --use-buildtree work.bst -- cat made
check "its buildtree is kept without asking" contains "$work/output" $'a\nb\nb'

# ---- failures are gone on from, too
touch "$edit/broken"
sluice build work.bst
check "fails" error_is SANDBOX command-failed
failed=$(last_build)
check "a failure is the last build" test "$failed" = "$(key_of work.bst)"
rm "$edit/broken"
sleep 1.1
echo newest >"$edit/a"
check "builds after a failure" builds work.bst
check "checkout after a failure" checkout work.bst --deps none
check "goes on from the failure" file_is "$work/out/made" $'a\nb\nb\na'
check "the next key is the last build's again" test "$(last_build)" = "$(key_of work.bst)" -a "$(last_build)" != "$failed"

# ---- what starts from the sources again
sluice workspace reset --soft part.bst
check "reset --soft" contains "$work/output" "Reset workspace state for work.bst at: $edit"
check "forgets the last build" test -z "$(last_build)"
touch "$edit/trigger"
check "builds after that" builds work.bst
check_not "from the sources" contains "$work/output" "Incremental build"
echo changed >"$work/project/files/base/etc/changed"
check "builds with another dependency" builds work.bst
check_not "from the sources, as dependencies differ" contains "$work/output" "Incremental build"
sluice artifact delete work.bst
touch "$edit/again"
check "builds without the last artifact" builds work.bst
check_not "from the sources, as that is gone" contains "$work/output" "Incremental build"
check "checkout after all" checkout work.bst --deps none
check "makes all again" file_is "$work/out/made" $'a\nb'
touch "$edit/more"
check "builds without buildtrees" builds --cache-buildtrees never work.bst
touch "$edit/most"
check "builds after that one" builds work.bst
check_not "from the sources, as there is no buildtree" contains "$work/output" "Incremental build"

# ---- opening again, closing
echo precious >"$edit/a"
sluice workspace open --force --directory edit work.bst
check "force replaces" contains "$work/output" "Replacing existing workspace for element 'work.bst' defined at: $edit"
check "with the sources" file_is "$edit/a" one
check "which were not built" test -z "$(last_build)"
echo precious >"$edit/a"
sluice workspace open --force --no-checkout --directory edit work.bst
check "force without checkout leaves files alone" file_is "$edit/a" precious
sluice workspace reset part.bst
check "reset of a filter" file_is "$edit/a" one
sluice workspace reset absent.bst
check "reset of nothing" error_is LOAD MISSING_FILE
sluice workspace reset base.bst
check "reset of what is not open" error_is STREAM ""
sluice workspace close absent.bst
check "close of nothing" error_is APP ""
sluice workspace close --remove-dir part.bst
check "close of a filter" contains "$work/output" "Closed workspace for work.bst"
check "its directory is gone" test ! -e "$edit"
element none.bst <<'END'
kind: manual
END
sluice workspace open none.bst
check "without sources" contains "$work/output" "The element none.bst  has no sources"
touch "$work/project/file"
sluice workspace open --directory file/below work.bst base.bst
check "one directory for two" error_is STREAM directory-with-multiple-elements
sluice workspace open --directory file/below work.bst
check "a directory that cannot be made" error_is STREAM workspace-directory-failure

# ---- buildtrees of others
element script.bst <<'END'
kind: script
build-depends:
- base.bst
variables:
  cwd: /here
config:
  commands:
  - pwd >/left
  - "false"
END
sluice build script.bst
key=$(key_of script.bst)
sluice artifact delete base.bst
sluice shell --use-buildtree script.bst -- sh -c 'pwd; cat /left; echo "$PS1"'
check "a failed script's sandbox, without what it was made of" contains "$work/output" "/here
/here
[${key:0:8}@script.bst:\${PWD}]$ "
check "warns" contains "$work/output" "using a buildtree from a failed build."
sluice shell --build script.bst -- true
check "a shell needs what it is made of" error_is APP shell-missing-deps
sluice shell --use-buildtree base.bst -- true
check "no artifact, no buildtree" error_is APP missing-buildtree-artifact-not-cached
sluice shell --mount "$work/absent" /absent base.bst -- true
check "an absent mount is a mistake" test "$status" -eq 2

finish
