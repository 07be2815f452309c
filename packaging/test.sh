#!/usr/bin/env bash
# Makes everything that is released for TARGET, a musl one whose binary has been built and runs on this machine, and tries it: the
# archive, twice, as it must come out the same, the packages, each in a clean root, the files of the container image, and the
# formula. What needs root asks for it with sudo.
#
#     packaging/test.sh TARGET
#
# Needs what packaging/tools.sh installs, and debootstrap, rpm, python3 and ruby.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
dist=target/packaging/dist
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

make() {
  rm -rf "$dist"
  packaging/archive.sh "$target"
  packaging/packages.sh "$target"
  (cd "$dist" && sha256sum -- * > "$1")
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make "$scratch/first"
make "$scratch/second"
diff "$scratch/first" "$scratch/second"

name=ssm-profile-$(packaging/version.sh)-$target
archive=$dist/$name.tar.gz
tar -xzf "$archive" -C "$scratch"
unpacked=$scratch/$name
packaging/first-run.sh "$unpacked/ssm-profile"
for file in LICENSE README.md man/ssm-profile.1 man/ssm-profile-check.1 completions/ssm-profile.bash completions/_ssm-profile \
  completions/ssm-profile.fish completions/_ssm-profile.ps1; do
  test -s "$unpacked/$file"
done
python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["bomFormat"] == "CycloneDX"' "$unpacked/ssm-profile.cdx.json"

# As if the archives of the formula's other targets were there.
sums=$scratch/SHA256SUMS
(cd "$dist" && sha256sum -- * > "$sums")
sed -n "s/.*@SHA256:\(.*\)@.*/$(printf '%064d' 0)  ${name%"$target"}\1.tar.gz/p" packaging/ssm-profile.rb.in |
  grep -v -- "-$target.tar.gz" >> "$sums"
packaging/formula.sh https://example.com/ssm-profile "$sums" > "$scratch/ssm-profile.rb"
ruby -c "$scratch/ssm-profile.rb"
grep -qF "sha256 \"$(sed -n "s/  $name.tar.gz\$//p" "$sums")\"" "$scratch/ssm-profile.rb"

as_root packaging/test-deb.sh "$dist"/*.deb
as_root packaging/test-rpm.sh "$dist"/*.rpm
root=$(packaging/container.sh "$archive")
as_root packaging/test-container.sh "$(basename "$root")"
