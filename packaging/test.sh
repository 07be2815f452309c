#!/usr/bin/env bash
# Makes everything that is released for TARGET, a musl one whose binary has been built and runs on this machine, and tries it: the
# archive, the packages, each in a clean root, and the files of the container image. What needs root asks for it with sudo.
#
#     packaging/test.sh TARGET
#
# Needs what packaging/tools.sh installs, and debootstrap, rpm, python3 and ruby.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
dist=target/packaging/dist
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

rm -rf "$dist"
packaging/archive.sh "$target"
packaging/packages.sh "$target"

archive=$dist/ssm-profile-$(packaging/version.sh)-$target.tar.gz
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
tar -xzf "$archive" -C "$unpacked" --strip-components 1
packaging/first-run.sh "$unpacked/ssm-profile"
test -s "$unpacked/man/ssm-profile-check.1"
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["bomFormat"] == "CycloneDX"' "${archive%.tar.gz}.cdx.json"

as_root packaging/test-deb.sh "$dist"/*.deb
as_root packaging/test-rpm.sh "$dist"/*.rpm
root=$(packaging/container.sh "$archive")
as_root packaging/test-container.sh "$(basename "$root")"
