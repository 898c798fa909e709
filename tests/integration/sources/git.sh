#!/bin/bash
# kinds git, git_repo, git_module, patch_queue: track, fetch and stage from repositories of the test's own, over HTTP and from disk.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"

export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.com
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' GIT_CONFIG_NOSYSTEM=1
git config --global init.defaultBranch main
git config --global protocol.file.allow always
repositories=$work/repositories
mkdir "$repositories"

serve_git() {
	rm -f "$work/port"
	python3 "$here/git-server.py" "$repositories" "$work/port" 2>"$work/server.log" &
	server=$!
	wait_for "$work/port"
	url=http://127.0.0.1:$(cat "$work/port")
}

# git_project [LINES]: a project with the alias `up`
git_project() {
	project "aliases:
  up: $url/
  dumb: $url/dumb/
  gone: $url/nothing/
  local: file://$repositories/
plugins:
- origin: pip
  package-name: buildstream-plugins
  sources: [git]
- origin: pip
  package-name: buildstream-plugins-community
  sources: [git_repo, git_module, patch_queue, ostree]
${1-}"
}

commit() {
	git -C "$1" add -A && git -C "$1" commit -qm "$2" && git -C "$1" rev-parse HEAD
}

ref_of() {
	sed -n 's/^ *ref: //p' "$work/project/elements/$1.bst" | tail -n 1
}

in_staged() {
	git -C "$work/staged" "$@"
}

says() {
	local expected=$1
	shift
	[ "$("$@" 2>&1)" = "$expected" ]
}

# ---- Repositories

git init -q "$repositories/deep"
echo deep >"$repositories/deep/deep.txt"
deep=$(commit "$repositories/deep" deep)
git init -q "$repositories/sub"
echo sub >"$repositories/sub/sub.txt"
git -C "$repositories/sub" submodule --quiet add -- ../deep nested/deep 2>/dev/null ||
	git -C "$repositories/sub" -c protocol.file.allow=always submodule --quiet add -- "$repositories/deep" nested/deep
git -C "$repositories/sub" config -f .gitmodules submodule.nested/deep.url ../deep
sub=$(commit "$repositories/sub" sub)
up=$repositories/up
git init -q "$up"
mkdir "$up/d"
echo one >"$up/a.txt"
echo two >"$up/d/b.txt"
echo '#!/bin/sh' >"$up/run.sh"
chmod +x "$up/run.sh"
ln -s a.txt "$up/link"
first=$(commit "$up" first)
git -C "$up" tag -a v1.0 -m 'the first'
git -C "$up" tag light
for i in 2 3; do
	echo "$i" >"$up/a.txt"
	commit "$up" "commit $i" >/dev/null
done
third=$(git -C "$up" rev-parse HEAD)
git -C "$up" checkout -q -b modules
git -C "$up" -c protocol.file.allow=always submodule --quiet add -- "$repositories/sub" m/sub
git -C "$up" config -f .gitmodules submodule.m/sub.url ../sub
modules=$(commit "$up" modules)
git -C "$up" checkout -q main
for name in v2.0-rc1 v1.9 v1.10; do
	git -C "$up" tag "$name" "$first"
done
git -C "$up" update-server-info
serve_git
git_project

# ---- git_repo

element repo <<END
- kind: git_repo
  url: up:up
  track: main
  ref-format: git-describe
END
check "git_repo: track a branch, describing it" works source track repo.bst
check "git_repo: the ref" test "$(ref_of repo)" = "v2.0-rc1-2-g$third"
check "git_repo: track again changes nothing" works source track repo.bst
check "git_repo: stage" staged repo
check "git_repo: files" listing_is "$work/staged" <<END
$(
	(cd "$work/staged" && find .git -mindepth 0 -printf '%y %P\n' | sed 's/^\(.\) /\1 .git\//; s/\/$//' | LC_ALL=C sort -k2,2) |
		sed 's/^f \(.*\)$/f \1/'
)
f a.txt
d d
f d/b.txt
l link a.txt
f run.sh x
END
check "git_repo: describe" says "v2.0-rc1-2-g${third:0:7}" in_staged describe --tags --dirty
check "git_repo: nothing has changed" says "" in_staged status --porcelain
check "git_repo: history up to the tag" says 3 in_staged rev-list --count HEAD
check "git_repo: a lightweight tag" says "$first" in_staged rev-parse refs/tags/v2.0-rc1
staged repo
first_index=$(sha256 "$work/staged/.git/index")
rm -rf "$SLUICE_CACHE"
check "git_repo: again from nothing" staged repo
check "git_repo: the same bytes" test "$(sha256 "$work/staged/.git/index")" = "$first_index"
check "git_repo: one commit was asked for, not the repository" test ! -e "$SLUICE_CACHE"/sources/git/*[0-9a-f].git

element tags <<END
- kind: git_repo
  url: up:up
  track: v*
  exclude: ['*rc*']
  ref-format: git-describe
END
check "git_repo: track the newest tag" works source track tags.bst
check "git_repo: versions are numbers, excluded ones do not count" test "$(ref_of tags)" = "v1.10-0-g$first"
check "git_repo: stage a tag" staged tags
check "git_repo: one commit" says 1 in_staged rev-list --count HEAD

element annotated <<END
- kind: git_repo
  url: up:up
  ref: v1.0-2-g$third
END
check "git_repo: an annotated tag" staged annotated
check "git_repo: the tag object" says tag in_staged cat-file -t refs/tags/v1.0
check "git_repo: describe with it" says "v1.0-2-g${third:0:7}" in_staged describe

element plain <<END
- kind: git_repo
  url: up:up
  track: refs/heads/modules
END
check "git_repo: track a full name" works source track plain.bst
check "git_repo: the commit" test "$(ref_of plain)" = "$modules"
check "git_repo: stage a commit" staged plain
check "git_repo: a submodule is an empty directory" test -d "$work/staged/m/sub" -a ! -e "$work/staged/m/sub/sub.txt"
check "git_repo: shallow" says "$modules" cat "$work/staged/.git/shallow"

element nomatch <<END
- kind: git_repo
  url: up:up
  track: release-*
END
check "git_repo: nothing to track" fails SOURCE "" "No matching refs" source track nomatch.bst
element lost <<END
- kind: git_repo
  url: up:up
  ref: 0123456789abcdef0123456789abcdef01234567
END
check "git_repo: no such commit" fails SOURCE "" "not found in remote" source fetch lost.bst
element losttag <<END
- kind: git_repo
  url: up:up
  ref: v7-0-g$third
END
check "git_repo: no such tag" fails SOURCE "" "ref refs/tags/v7 not found in remote" source fetch losttag.bst
element badtag <<END
- kind: git_repo
  url: up:up
  ref: a:refs/heads/b-0-g$third
END
check "git_repo: no name for a tag" fails SOURCE "" "is no name that a tag can have" source fetch badtag.bst

# ---- Networks

element dumb <<END
- kind: git_repo
  url: dumb:up/.git
  ref: v1.0-2-g$third
END
check "a server that knows nothing of git" staged dumb
check "the same repository from it" says "v1.0-2-g${third:0:7}" in_staged describe
element gone <<END
- kind: git_repo
  url: gone:up
  ref: $third
END
check "a server that has no such repository" fails SOURCE "" "Failed to fetch from remote git repository: $url/nothing/up" \
	source fetch gone.bst
git_project "mirrors:
- name: first
  aliases:
    gone: [$url/nothing/, $url/]
- name: second
  kind: simple_mirror
  config:
    url: $url/{alias}
    aliases: [gone]"
check "mirrors in turn" staged gone
rm -rf "$SLUICE_CACHE"
git_project "mirrors:
- name: second
  kind: simple_mirror
  config:
    url: $url/{alias}
    aliases: [up]"
mv "$repositories/up" "$repositories/moved"
mkdir "$repositories/up"
mv "$repositories/moved" "$repositories/up/up"
up=$repositories/up/up
check "a mirror with a pattern" staged repo
mv "$repositories/up/up" "$repositories/moved"
rmdir "$repositories/up"
mv "$repositories/moved" "$repositories/up"
up=$repositories/up
git_project
element broken <<END
- kind: git_repo
  url: $url/broken/2/up
  ref: $third
END
(cd "$work/project" && SLUICE_CACHE=$work/cache3 "$SLUICE" --no-colors --network-retries 3 source fetch broken.bst) \
	>"$work/output" 2>&1 </dev/null
check "a server that fails twice" test $? -eq 0

# ---- git_module

element module <<END
- kind: git_repo
  url: up:up
  track: modules
- kind: git_module
  url: up:sub
  path: m/sub
END
check "git_module: track what the sources before say" works source track module.bst
check "git_module: the ref" test "$(ref_of module)" = "$sub"
check "git_module: stage" staged module
check "git_module: its files" file_is "$work/staged/m/sub/sub.txt" sub
check "git_module: a repository of its own" says "$sub" in_staged -C m/sub rev-parse HEAD
check "git_module: whole" says "" git -C "$work/staged/m/sub" fsck --no-dangling
check "git_module: nothing has changed outside" says "" in_staged status --porcelain
element nomodule <<END
- kind: git_repo
  url: up:up
  ref: $modules
- kind: git_module
  url: up:sub
  path: m/other
END
check "git_module: not one of those" fails SOURCE "" "'m/other' is no submodule" source track nomodule.bst

# ---- git

element git <<END
- kind: git
  url: up:up
  track: modules
  track-tags: True
  submodules:
    m/sub:
      url: up:sub
    m/sub/nested/deep:
      url: up:deep
END
check "git: track" works source track git.bst
check "git: the commit" grep -qF "ref: $modules" "$work/project/elements/git.bst"
check "git: an annotated tag" grep -qF "tag: v1.0" "$work/project/elements/git.bst"
check "git: stage" staged git
check "git: submodules of submodules" file_is "$work/staged/m/sub/nested/deep/deep.txt" deep
check "git: describe" says "v1.0-3-g${modules:0:7}" in_staged describe
check "git: no warning" not said WARNING
element subless <<END
- kind: git
  url: up:up
  ref: $modules
  checkout-submodules: False
END
check "git: without submodules" staged subless
check "git: none is there" test -d "$work/staged/m/sub" -a ! -e "$work/staged/m/sub/sub.txt" -a ! -e "$work/staged/.git"
element relative <<END
- kind: git
  url: up:up
  track: main
  ref: $modules
  submodules:
    m/none:
      url: up:none
END
check "git: relative URLs of submodules" works source fetch relative.bst
check "git: warns of the unlisted" said "[git:unlisted-submodule]"
check "git: warns of the invalid" said "[git:invalid-submodule]"
check "git: warns of a ref that is not on the branch" said "[ref-not-in-track]"
for token in git:unlisted-submodule git:invalid-submodule ref-not-in-track; do
	git_project "fatal-warnings: [$token]"
	rm -rf "$SLUICE_CACHE"
	check "git: $token may be fatal" fails PLUGIN "$token" "[$token]" source fetch relative.bst
done
git_project
element exact <<END
- kind: git
  url: up:up
  track: main
  ref: v1.0-0-g$first
END
rm -rf "$SLUICE_CACHE"
check "git: a tag alone" staged exact
check "git: without the history" test ! -e "$SLUICE_CACHE"/sources/git/*[0-9a-f].git
element neither <<END
- kind: git
  url: up:up
  ref: $(printf '%040d' 7)
END
check "git: no such commit" fails SOURCE "" "was not found in git repository" source fetch neither.bst
element describe <<END
- kind: git
  url: local:up
  track: main
  ref-format: git-describe
END
check "git: track in a repository on disk" works source track describe.bst
check "git: described" test "$(ref_of describe)" = "v1.0-2-g$third"
check "git: stage it" staged describe

# ---- project.refs, includes

git_project "ref-storage: project.refs"
element refs <<END
- kind: git
  url: up:up
  track: main
  track-tags: True
END
check "project.refs: track" works source track refs.bst
check "project.refs: the ref" grep -q "ref: $third" "$work/project/project.refs"
check "project.refs: the tags" grep -q "tag: v1.0" "$work/project/project.refs"
check "project.refs: stage" staged refs
rm "$work/project/project.refs"
git_project
cat >"$work/project/sources.yml" <<END
sources:
- kind: git_repo  # from an include
  url: up:up
  track: main
END
printf 'kind: import\n(@): sources.yml\n' >"$work/project/elements/include.bst"
check "an include: track" works source track include.bst
check "an include: the ref" grep -q "ref: $third" "$work/project/sources.yml"
check "an include: its comment" grep -q "# from an include" "$work/project/sources.yml"

# ---- patch_queue

mkdir "$work/project/patches"
echo patched >"$up/a.txt"
git -C "$up" diff >"$work/project/patches/0001.patch"
git -C "$up" checkout -q a.txt
cat >"$work/project/patches/0002.patch" <<'END'
diff --git a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1 +1 @@
-patched
+twice
diff --git a/new.sh b/new.sh
new file mode 100755
--- /dev/null
+++ b/new.sh
@@ -0,0 +1 @@
+#!/bin/sh
diff --git a/d/b.txt b/d/b.txt
deleted file mode 100644
--- a/d/b.txt
+++ /dev/null
@@ -1 +0,0 @@
-two
END
element queue <<END
- kind: git_repo
  url: up:up
  ref: $third
- kind: patch_queue
  path: patches
END
check "patch_queue: stage" staged queue
check "patch_queue: one after the other" file_is "$work/staged/a.txt" twice
check "patch_queue: new files, with their mode" test -x "$work/staged/new.sh"
check "patch_queue: removed files" test ! -e "$work/staged/d"
check "patch_queue: the repository stays" says "$third" in_staged rev-parse HEAD
sed -i 's/^-patched/-nothing/' "$work/project/patches/0002.patch"
check "patch_queue: a patch that does not fit" fails STREAM "" "Failed to apply patches from patches" \
	source checkout --directory "$work/sources3" queue.bst
rm -r "$work/project/patches"
mkdir "$work/project/patches"
cat >"$work/project/patches/0001.patch" <<'END'
--- a/../../escaped
+++ b/../../escaped
@@ -0,0 +1 @@
+x
END
check "patch_queue: a patch that leaves the folder" fails STREAM "" "Failed to apply patches from patches" \
	source checkout --directory "$work/sources3" queue.bst

# ---- Hostile repositories

hostile() { # NAME: a repository on main; prints nothing
	rm -rf "${repositories:?}/$1"
	git init -q "$repositories/$1"
	echo x >"$repositories/$1/x"
	commit "$repositories/$1" x >/dev/null
}
hostile_element() { # NAME KIND
	element "$1" <<END
- kind: $2
  url: up:$1
  ref: $(git -C "$repositories/$1" rev-parse HEAD)
END
}
# raw_tree REPOSITORY: commits the tree that standard input lists, as `git mktree` reads it
raw_tree() {
	local tree
	tree=$(git -C "$1" mktree --missing)
	git -C "$1" update-ref HEAD "$(git -C "$1" commit-tree -m raw "$tree")"
}

hostile dotgit
blob=$(printf '#!/bin/sh\ntouch %s/pwned\n' "$work" | git -C "$repositories/dotgit" hash-object -w --stdin)
hooks=$(printf '100755 blob %s\tpost-checkout\n' "$blob" | git -C "$repositories/dotgit" mktree)
inner=$(printf '040000 tree %s\thooks\n' "$hooks" | git -C "$repositories/dotgit" mktree)
printf '040000 tree %s\t.git\n' "$inner" | raw_tree "$repositories/dotgit"
for kind in git git_repo; do
	hostile_element dotgit "$kind"
	check "$kind: a tree with a .git" fails SOURCE "" "Failed to checkout git ref" source fetch dotgit.bst
done
hostile dots
printf '100644 blob %s\t..\n' "$(git -C "$repositories/dots" rev-parse HEAD:x)" | raw_tree "$repositories/dots" || true
hostile_element dots git_repo
check "git_repo: a tree with .." fails SOURCE "" "Failed to checkout git ref" source fetch dots.bst

hostile link
ln -s /etc "$repositories/link/etc"
printf '[submodule "a"]\n\tpath = etc/a\n\turl = ../sub\n[submodule "b"]\n\tpath = ../b\n\turl = ../sub\n' \
	>"$repositories/link/.gitmodules"
commit "$repositories/link" link >/dev/null
hostile_element link git
check "git: submodules behind links and above the top" staged link
check "git: are not there" said "[git:inconsistent-submodule]"
check "git: and a link is a link" test "$(readlink "$work/staged/etc")" = /etc

for evil in "--upload-pack=touch $work/x" "ext::sh -c touch% $work/x" "$repositories/deep" "file://$repositories/deep" \
	'ssh://-oProxyCommand=touch/x' '-u./payload' '../../../deep'; do
	hostile module
	git -C "$repositories/module" update-index --add --cacheinfo "160000,$deep,m"
	printf '[submodule "m"]\n\tpath = m\n\turl = %s\n' "$evil" >"$repositories/module/.gitmodules"
	git -C "$repositories/module" add .gitmodules
	git -C "$repositories/module" commit -qm m
	hostile_element module git
	sluice source fetch module.bst
	check "git: a submodule of '$evil'" test "$status" -eq 255
done
check "git: the last one leads out of its alias" said "leads out of"
check "git: nothing ran" test ! -e "$work/x" -a ! -e "$work/pwned"

hostile filter
printf '* filter=evil\n' >"$repositories/filter/.gitattributes"
commit "$repositories/filter" filter >/dev/null
git config --global filter.evil.smudge "touch $work/pwned; cat"
git config --global core.fsmonitor "touch $work/pwned"
git config --global core.hooksPath "$work/hooks"
mkdir -p "$work/hooks"
printf '#!/bin/sh\ntouch %s/pwned\n' "$work" | tee "$work/hooks/post-checkout" "$work/hooks/reference-transaction" >/dev/null
chmod +x "$work/hooks"/*
for kind in git git_repo; do
	hostile_element filter "$kind"
	check "$kind: the user's filters and hooks do not run" staged filter
done
check "git: none did" test ! -e "$work/pwned"
git config --global --unset core.fsmonitor
git config --global --unset core.hooksPath

# ---- Processes

rm -rf "$SLUICE_CACHE"
for i in 1 2 3; do
	(cd "$work/project" && exec "$SLUICE" --no-colors source fetch git.bst repo.bst) >"$work/output$i" 2>&1 </dev/null &
	pids[i]=$!
done
all=0
for i in 1 2 3; do
	wait "${pids[i]}" || all=1
done
check "three at once" test "$all" -eq 0
check "the result" staged git
rm -rf "$SLUICE_CACHE"/sources "$work/staged"
element git <<END
- kind: git
  url: up:up
  ref: $modules
END
check "a clone that was dropped comes again" staged git
finish
