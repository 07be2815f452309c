#!/usr/bin/env bash
# Prints the version in Cargo.toml, also where no Rust toolchain is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n '/^\[package\]$/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
test -n "$version"
echo "$version"
