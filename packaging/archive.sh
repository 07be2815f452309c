#!/usr/bin/env bash
# Puts the release binary that was built for TARGET into an archive in target/packaging/dist, with its manual pages, completions
# and license, and its bill of materials beside it. The binary must run on this machine: it prints its own pages.
#
#     packaging/archive.sh TARGET
#
# `package.metadata.binstall` in Cargo.toml and packaging/formula.sh know the names.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
version=$(packaging/version.sh)
name=ssm-profile-$version-$target
dist=$PWD/target/packaging/dist
stage=target/packaging/stage/$name
case $target in
  *windows*) suffix=.exe ;;
  *) suffix= ;;
esac
binary=target/$target/release/ssm-profile$suffix

packaging/documents.sh "$binary"
rm -rf "$stage"
mkdir -p "$stage" "$dist"
# With what the README links to and what its examples read.
cp -R "$binary" LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs examples target/packaging/man \
  target/packaging/completions "$stage"

# cargo-cyclonedx writes beside Cargo.toml.
cargo cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --target "$target"
mv ssm-profile_bin.cdx.json "$dist/$name.cdx.json"

cd target/packaging/stage
case $target in
  *windows*)
    rm -f "$dist/$name.zip"
    7z a -bso0 -tzip "$dist/$name.zip" "$name"
    ;;
  *)
    # The same archive from the same files, where tar can say so.
    reproducible=()
    if tar --version | grep -q GNU; then
      reproducible=(--sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)")
    fi
    tar ${reproducible[@]+"${reproducible[@]}"} -cf - "$name" | gzip -9n > "$dist/$name.tar.gz"
    ;;
esac
ls "$dist/$name".*
