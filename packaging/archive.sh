#!/usr/bin/env bash
# Puts the release binary that was built for TARGET into an archive in target/packaging/dist, with its manual pages, completions,
# license and bill of materials, which is also beside it. The binary must run on this machine: it prints its own pages.
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

# The time in it, and in the archive, is that of the commit: from the same commit come the same files.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# cargo-cyclonedx writes beside Cargo.toml.
cargo cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --target "$target"
mv ssm-profile_bin.cdx.json "$stage/ssm-profile.cdx.json"
cp "$stage/ssm-profile.cdx.json" "$dist/$name.cdx.json"

cd target/packaging/stage
case $target in
  *windows*)
    rm -f "$dist/$name.zip"
    7z a -bso0 -tzip "$dist/$name.zip" "$name"
    ;;
  *)
    # Where tar can say so, whose files they are and what they may do does not depend on who packs them.
    reproducible=()
    case $(tar --version) in
      *GNU*)
        reproducible=(--sort=name --owner=0 --group=0 --numeric-owner "--mode=u+rw,go+r-w,a+X" --mtime="@$SOURCE_DATE_EPOCH")
        ;;
    esac
    # The tar of macOS otherwise adds a file for the extended attributes of each.
    COPYFILE_DISABLE=1 tar ${reproducible[@]+"${reproducible[@]}"} -cf - "$name" | gzip -9n > "$dist/$name.tar.gz"
    ;;
esac
ls "$dist/$name".*
