#!/usr/bin/env bash
# Prints the Homebrew formula of this version, for a tap: packaging/ssm-profile.rb.in with the checksums of the archives.
#
#     packaging/formula.sh REPOSITORY-URL SHA256SUMS
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$1
sums=$2
version=$(packaging/version.sh)
name=ssm-profile-$version
description=$(sed -n 's/^description = "\(.*\)"$/\1/p' Cargo.toml)
formula=$(sed -e "s|@DESCRIPTION@|$description|" -e "s|@REPOSITORY@|$repository|" -e "s|@VERSION@|$version|" \
  -e "s|@URL@|$repository/releases/download/v$version/$name|" packaging/ssm-profile.rb.in)
while read -r target; do
  archive=$name-$target.tar.gz
  sum=$(awk -v archive="$archive" '$2 == archive { print $1 }' "$sums")
  if [ -z "$sum" ]; then
    echo "error: $sums has no \`$archive\`" >&2
    exit 1
  fi
  formula=${formula//@SHA256:$target@/$sum}
done < <(sed -n 's/.*@SHA256:\(.*\)@.*/\1/p' packaging/ssm-profile.rb.in)
echo "$formula"
