#!/usr/bin/env bash
# Whether what Cargo.toml and the changelog say is true of a release with TAG in REPOSITORY.
#
#     packaging/check-release.sh TAG REPOSITORY-URL
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$1
repository=$2
version=$(packaging/version.sh)
wrong=0
mistake() {
  echo "error: $1" >&2
  wrong=1
}
[ "$tag" = "v$version" ] || mistake "the tag is \`$tag\`, the version in Cargo.toml \`$version\`"
# cargo-binstall downloads from there.
grep -qxF "repository = \"$repository\"" Cargo.toml ||
  mistake "Cargo.toml does not say \`repository = \"$repository\"\`; add it below \`description\`"
maintainer=$(sed -n '/^\[package.metadata.deb\]$/,/^\[/s/^maintainer = "\(.*\)"$/\1/p' Cargo.toml)
case $maintainer in
  *" <"*@*">") ;;
  *) mistake "\`maintainer\` of \`package.metadata.deb\` in Cargo.toml is \`$maintainer\`, without an address; write \`NAME <ADDRESS>\`" ;;
esac
grep -qxE "## ${version//./\\.} - [0-9]{4}-[0-9]{2}-[0-9]{2}" CHANGELOG.md ||
  mistake "CHANGELOG.md has no heading \`## $version - YEAR-MONTH-DAY\`"
exit "$wrong"
