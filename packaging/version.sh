#!/usr/bin/env bash
# Prints the version in Cargo.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
id=$(cargo pkgid --package ssm-profile)
echo "${id##*[@#]}"
