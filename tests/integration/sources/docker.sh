#!/bin/bash
# docker: images from a registry on loopback that wants tokens and redirects; layers with whiteouts; registries that lie.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
python3 "$here/images.py" "$work/port" >"$work/requests" 2>&1 &
server=$!
wait_for "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
project "aliases:
  images: $url"
image() { # NAME TAG [LINES…]
	local name=$1 tag=$2
	shift 2
	lines '- kind: docker' "  registry-url: 'images:'" "  image: some/$name" "  track: $tag" '  architecture: amd64' "$@"
}
{
	image base latest
	lines '- kind: docker' '  directory: url' '  url: images:/some/base' '  track: list' '  architecture: amd64'
} | element base
check "track" works source track base.bst
check "the tag and the list give the same image" test "$(sort -u <(grep ref: "$work/project/elements/base.bst") | wc -l)" = 1
check "fetch" works source fetch base.bst
check "layers came from the other host" grep -q '^200 /elsewhere/' "$work/requests"
check "no token went there" not grep -q '^400' "$work/requests"
: >"$work/requests"
check "fetch again" works source fetch base.bst
check "nothing was asked" test ! -s "$work/requests"
check "build" works build base.bst
check "checkout" checkout base
mv "$work/out/url" "$work/url"
check "what" listing_is "$work/out" <<'END'
d bin
f bin/hard x
f bin/run x
d dev
d etc
f etc/stays
l lib usr/lib
f secret
d usr
d usr/lib
f usr/lib/new
END
check "the upper layer wins" file_is "$work/out/etc/stays" two
check "by url the same" diff -r --no-dereference "$work/out" "$work/url"
image opaque latest | element opaque
check "opaque: track" works source track opaque.bst
check "opaque: build" works build opaque.bst
check "opaque: checkout" checkout opaque
check "opaque: what" listing_is "$work/out" <<<$'d a\nf a/new'
image base list '  os: plan9' | element bad
check "no platform" fails SOURCE "" "No images found for architecture amd64, OS plan9" source track bad.bst
image base latest | sed '/track/d' | element bad
check "nothing to track" works source track bad.bst
image base latest "  ref: $(printf '0%.0s' {1..64})" | element bad
check "an image that is not there" fails SOURCE "" "HTTP Error 404" source fetch bad.bst
image base latest '  ref: nonsense' | element bad
check "a ref that is none" fails SOURCE "" "The ref 'nonsense' is not a SHA-256" source fetch bad.bst
image base latest "  ref: $(python3 -c 'import hashlib, json, sys, urllib.request
base = sys.argv[1]
token = {"Authorization": "Bearer secret"}
print(hashlib.sha256(urllib.request.urlopen(urllib.request.Request(base + "/v2/some/base/manifests/list", headers=token)).read()).hexdigest())' "$url")" | element bad
check "the ref is a list" fails SOURCE "" "Requested image sha256:" source fetch bad.bst
while read -r name text; do
	image "$name" latest | element bad
	check "registry: $name" fails SOURCE "" "$text" source track bad.bst
done <<'END'
wrong-digest Server returned a non-matching content digest. Our digest: sha256:
no-digest Server did not set the Docker-Content-Digest header.
old Schema version 1 is unsupported.
unknown Unsupported manifest type text/plain
bad-layer Unsupported layer type: text/plain
broken not an object in JSON
loop Lists of manifests lead to lists of manifests
absent HTTP Error 404
END
while read -r name reason text; do
	image "$name" latest | element bad
	check "layer: $name, track" works source track bad.bst
	[ "$reason" != - ] || reason=
	check "layer: $name" fails SOURCE "$reason" "$text" source fetch bad.bst
done <<'END'
hostile archive-outside which is outside the destination
cut - Error mirroring
lying - bytes
END
image through latest | element through
check "through a link: track" works source track through.bst
works source fetch through.bst
check "through a link: nothing outside" test ! -e /tmp/evil
lines '- kind: docker' '  image: a' '  url: b' | element bad
check "both url and image" fails SOURCE "" "May specify either 'url', or 'image' and 'registry-url'" show bad.bst
lines '- kind: docker' '  track: latest' | element bad
check "neither url nor image" fails SOURCE "" "Must define either 'url' or 'image'" show bad.bst
finish
