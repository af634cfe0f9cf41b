#!/usr/bin/env bash
# veraPDF, the PDF/A validator, from Maven Central: prints the path of its jar, which is fetched once.
#
#   verapdf.sh [DIR]        DIR: where it is kept (default ~/.cache/business-archive)
#
# Needs mvn and a Java of 11 or newer. Exits with 1 and a word where it cannot be had.
set -euo pipefail
version=1.28.2
dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/business-archive}
jar=$dir/greenfield-apps-$version.jar
for program in java mvn; do
  command -v $program >/dev/null || { echo "verapdf.sh: no $program" >&2; exit 1; }
done
if [[ ! -s $jar ]]; then
  mkdir -p "$dir"
  fetched=$(mktemp -d "$dir/fetch-XXXXXX")
  trap 'rm -rf "$fetched"' EXIT
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -DoutputDirectory="$fetched" \
    -Dartifact=org.verapdf.apps:greenfield-apps:$version >&2 || { echo "verapdf.sh: not to be had" >&2; exit 1; }
  mv "$fetched/greenfield-apps-$version.jar" "$jar"
fi
echo "$jar"
