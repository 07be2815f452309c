#!/usr/bin/env bash
# Completes target/packaging/dist once everything else is in it: the checksums, and the Homebrew formula with them.
#
#     packaging/finish.sh REPOSITORY-URL
set -euo pipefail
cd "$(dirname "$0")/.."
dist=target/packaging/dist
(cd "$dist" && rm -f SHA256SUMS ssm-profile.rb && sha256sum -- * > ../SHA256SUMS && mv ../SHA256SUMS .)
packaging/formula.sh "$1" "$dist/SHA256SUMS" > "$dist/ssm-profile.rb"
