#!/usr/bin/env bash
# What the benches need on top of `make setup`: the rivals. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need javac openjdk-17-jdk-headless
need db_bench rocksdb-tools
if [ "${#missing[@]}" -gt 0 ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "bench: system packages: ${missing[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

stamp=bench/node_modules/.tollgate-lock
if ! cmp -s bench/package-lock.json "$stamp"; then
  echo "bench: npm packages of the rivals"
  npm ci --prefix bench --ignore-scripts --no-audit --no-fund --loglevel=error
  cp bench/package-lock.json "$stamp"
fi

rival=bench/rivals/disruptor
classes=.cache/disruptor/classes
if [ ! -e "$classes/Rival.class" ] || [ "$rival/Rival.java" -nt "$classes/Rival.class" ]; then
  echo "bench: the LMAX Disruptor"
  mvn -q -B -f "$rival/pom.xml" dependency:copy-dependencies -DoutputDirectory="$PWD/.cache/disruptor"
  javac -cp .cache/disruptor/disruptor-4.0.0.jar -d "$classes" "$rival/Rival.java"
fi
