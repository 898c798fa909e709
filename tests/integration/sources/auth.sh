#!/bin/bash
# Servers that want to know who asks: names and passwords of ~/.netrc, and tokens for the mirrors that take those.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
files=$work/served/api/v4/projects/mirrors/one/repository/files/dir/file
mkdir -p "$files" "$work/served/private"
echo content | tee "$files/raw" "$work/served/private/file" >/dev/null
ref=$(sha256 "$files/raw")
echo "Bearer tok+en/=" >"$files/raw.authorization"
echo "Basic $(printf 'me:tok+en/=' | base64)" >"$work/served/private/file.authorization"
serve "$work/served"
project "aliases:
  one: $url/nowhere/
  web: $url/
plugins:
- origin: pip
  package-name: buildstream-plugins
  source-mirrors: [gitlab_lfs_mirror]
mirrors:
- name: m
  kind: gitlab_lfs_mirror
  config:
    aliases: [one]
    url: $url
    project: mirrors/{alias}"
printf '%s\n' '- kind: remote' '  url: one:dir/file' "  ref: $ref" | element token
printf '%s\n' '- kind: remote' '  url: web:private/file' "  ref: $ref" | element password
check "token: nobody says" fails SOURCE "" "HTTP Error" source fetch token.bst
check "password: nobody says" fails SOURCE "" "HTTP Error 401" source fetch password.bst
echo "machine other.example login me password tok+en/=" >"$HOME/.netrc"
check "token: of another host" fails SOURCE "" "HTTP Error" source fetch token.bst
check "password: of another host" fails SOURCE "" "HTTP Error 401" source fetch password.bst
echo "machine 127.0.0.1 login me password tok+en/=" >>"$HOME/.netrc"
check "token" works source fetch token.bst
check "token: the file" staged token
check "token: its content" file_is "$work/staged/file" content
rm -rf "$work/cache"
check "password" works source fetch password.bst
check "a token is not said aloud" not grep -rqF 'tok+en' "$work/cache/logs" "$work/output"
finish
