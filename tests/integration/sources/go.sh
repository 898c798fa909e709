#!/bin/bash
# go_module: from go.sum to commits of repositories on this machine; vendor/ and its modules.txt.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
mkdir -p "$work/git"
commit() { # REPOSITORY: what is in its folder
	git -C "$work/git/$1" add -A
	git -C "$work/git/$1" -c user.name=n -c user.email=e -c commit.gpgsign=false commit -q -m m --date '2020-01-01T00:00:00Z'
}
for name in plain versioned; do
	git init -q -b main "$work/git/$name"
done
mkdir -p "$work"/git/plain/{pkg/deep,docs} "$work"/git/versioned/{v2/inner,sub/x}
printf 'module github.com/some/plain\n\ngo 1.15\n' >"$work/git/plain/go.mod"
for file in plain/a.go plain/pkg/deep/b.go versioned/old.go versioned/v2/new.go versioned/v2/inner/i.go versioned/sub/x/x.go; do
	echo "package p" >"$work/git/$file"
done
echo text >"$work/git/plain/docs/read.me"
ln -s a.go "$work/git/plain/link.go"
commit plain
git -C "$work/git/plain" tag v1.2.3
commit versioned
git -C "$work/git/versioned" tag v2.0.0
git -C "$work/git/versioned" tag sub/v0.1.0
plain=$(git -C "$work/git/plain" rev-parse HEAD)
versioned=$(git -C "$work/git/versioned" rev-parse HEAD)
project "aliases:
  forge: file://$work/git/"
printf 'module main\n\nrequire github.com/some/plain v1.2.3\n' >"$work/project/files/go.mod"
cat >"$work/project/files/go.sum" <<END
github.com/some/plain v1.2.3/go.mod h1:x=
github.com/some/plain v1.2.3 h1:x=
github.com/some/plain/other v1.0.0 h1:x=
github.com/some/versioned/v2 v2.0.0 h1:x=
github.com/some/versioned/sub v0.1.0 h1:x=
github.com/some/pseudo v0.0.0-20200101000000-${plain:0:12} h1:x=
github.com/some/odd nonsense h1:x=
github.com/some/absent v9.9.9 h1:x=
END
module() { # URL MODULE
	printf '%s\n' '- kind: go_module' "  url: forge:$1" "  module: $2"
}
previous() {
	printf '%s\n' '- kind: local' '  path: files'
}
{
	previous
	module plain github.com/some/plain
	module versioned github.com/some/versioned/v2
	module versioned github.com/some/versioned/sub
	module plain github.com/some/pseudo
} | element go
check "track" works source track go.bst
check "the refs" diff -u - <(grep -E '^    ' "$work/project/elements/go.bst") <<END
    go-version: v1.2.3
    git-ref: v1.2.3-0-g$plain
    explicit: 'True'
    go-version: v2.0.0
    git-ref: v2.0.0-0-g$versioned
    explicit: 'False'
    go-version: v0.1.0
    git-ref: sub/v0.1.0-0-g$versioned
    explicit: 'False'
    subdirectory: sub
    go-version: v0.0.0-20200101000000-${plain:0:12}
    git-ref: $plain
    explicit: 'False'
END
check "fetch" works source fetch go.bst
check "checkout" works source checkout --directory "$work/out" go.bst
check "modules.txt" diff -u "$work/out/go/vendor/modules.txt" - <<END
# github.com/some/plain v1.2.3
## explicit; go 1.15
github.com/some/plain
github.com/some/plain/pkg/deep
# github.com/some/versioned/v2
github.com/some/versioned/v2
github.com/some/versioned/v2/inner
# github.com/some/versioned/sub
github.com/some/versioned/sub/x
# github.com/some/pseudo
github.com/some/pseudo
github.com/some/pseudo/pkg/deep
END
check "what" listing_is "$work/out/go/vendor/github.com/some/versioned" <<'END'
d sub
d sub/x
f sub/x/x.go
d v2
d v2/inner
f v2/inner/i.go
f v2/new.go
END
check "links stay" test "$(readlink "$work/out/go/vendor/github.com/some/plain/link.go")" = a.go
check "no repository" test -z "$(find "$work/out" -name .git)"
check "tracked again" works source track go.bst
check "nothing new" not said "Found a new revision"
while read -r name text; do
	{
		previous
		module plain "github.com/some/$name"
	} | element bad
	check "track: $name" fails SOURCE "" "$text" source track bad.bst
done <<'END'
unknown go.mod did not contain github.com/some/unknown
odd version string nonsense not recognized
absent No matching refs
END
{
	previous
	module plain github.com/some/plain
	printf '%s\n' '  ref:' '    go-version: v1.2.3' "    git-ref: $plain" '    explicit: true' '    subdirectory: ../..'
} | element bad
check "a subdirectory outside" fails STREAM "" "There is no directory '../..' in the repository" source checkout --directory "$work/bad" bad.bst
{
	previous
	module plain ../../evil
	printf '%s\n' '  ref:' '    go-version: v1.2.3' "    git-ref: $plain" '    explicit: true'
} | element bad
check "a module outside" not works source checkout --directory "$work/bad" bad.bst
check "nothing there" test ! -e "$work/evil" -a ! -e "$work/bad/evil"
{
	previous
	module plain github.com/some/plain
	printf '%s\n' '  ref:' '    go-version: v1.2.3' '    git-ref: short' '    explicit: true'
} | element bad
check "a ref that is none" fails SOURCE "" "ref short is not in the expected format" show bad.bst
rm "$work/project/files/go.sum"
{
	previous
	module plain github.com/some/plain
} | element bad
check "no go.sum" fails SOURCE "" "Failed to find go.sum" source track bad.bst
finish
