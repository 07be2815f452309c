#!/usr/bin/env bash
# Installs what packaging needs besides the Rust toolchain: cargo-cyclonedx, and on Linux cargo-zigbuild with Zig, cargo-deb and
# cargo-generate-rpm.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo install --locked cargo-cyclonedx --version 0.5.9
if [ "$(uname -s)" = Linux ]; then
  cargo install --locked cargo-deb --version 3.7.0
  cargo install --locked cargo-generate-rpm --version 0.19.0
  python3 -m venv target/packaging/tools
  target/packaging/tools/bin/pip install --quiet cargo-zigbuild==0.24.1 ziglang==0.17.1
  # Later steps of a workflow find it; elsewhere, put it into PATH.
  echo "$PWD/target/packaging/tools/bin" >> "${GITHUB_PATH:-/dev/stdout}"
fi
