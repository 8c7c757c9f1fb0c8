#!/usr/bin/env bash
# jars.sh fetch|check FOLDER: Kafka's jars are exactly those of jars.sha256, no more and no less.
# After a change of pom.xml: fetch into an empty folder, read what changed, and write the list anew:
#   (cd FOLDER && sha256sum *.jar) >ops/setup/kafka/jars.sha256
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${2:?usage: jars.sh fetch|check FOLDER}

# Maven does not read https_proxy.
maven_proxy() {
  local proxy=${https_proxy:-${HTTPS_PROXY:-}}
  [[ "$proxy" =~ ^https?://([^:/@]+):([0-9]+)/?$ ]] || return 0
  printf '%s ' "-Dhttps.proxyHost=${BASH_REMATCH[1]}" "-Dhttps.proxyPort=${BASH_REMATCH[2]}"
}

check() {
  cd "$folder"
  local foreign
  foreign=$(comm -13 <(awk '{print $2}' "$here/jars.sha256" | sort) <(ls | grep '\.jar$' | sort))
  if [ -n "$foreign" ] || ! sha256sum --check --quiet "$here/jars.sha256"; then
    printf "setup: Kafka's jars in %s are not those of ops/setup/kafka/jars.sha256%s: remove the folder and run make setup.\n" \
      "$folder" "${foreign:+ (foreign: ${foreign//$'\n'/, })}" >&2
    exit 1
  fi
}

case "${1:-}" in
  fetch)
    mkdir -p "$folder"
    # shellcheck disable=SC2046 # the options of the proxy are words of their own
    mvn -q -B $(maven_proxy) -f "$here/pom.xml" \
      org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$folder"
    check
    ;;
  check) check ;;
  *) echo "usage: jars.sh fetch|check FOLDER" >&2; exit 2 ;;
esac
