#!/usr/bin/env bash
# Makes a Debian and an RPM package in target/packaging/dist from the release binary that was built for TARGET, a musl one: it needs
# no library of the distribution and so runs on each of their versions.
#
#     packaging/packages.sh TARGET
#
# What is in them is in Cargo.toml: `package.metadata.deb` and `package.metadata.generate-rpm`.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
dist=target/packaging/dist
mkdir -p "$dist"
packaging/documents.sh "target/$target/release/ssm-profile"
# Both tools give files this time: from the same commit come the same packages.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# The release profile strips the binary.
cargo deb --quiet --no-build --no-strip --target "$target" --output "$dist/"
# The rpm of Amazon Linux 2 knows no zstd, which is the default.
cargo generate-rpm --target "$target" --payload-compress gzip --output "$dist/"
ls "$dist"/*.deb "$dist"/*.rpm
