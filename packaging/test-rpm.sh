#!/usr/bin/env bash
# Installs an RPM package in an empty root, runs it there, removes the package, and looks for files left. Needs root and rpm.
#
#     packaging/test-rpm.sh PACKAGE.rpm
set -euo pipefail
cd "$(dirname "$0")/.."
package=$1
root=$PWD/target/packaging/test-rpm
rm -rf "$root"
mkdir -p "$root"
in_root() { rpm --root "$root" --dbpath /var/lib/rpm "$@"; }
# Every file but rpm's own. A package of cargo-generate-rpm owns no directory, so empty ones stay.
files() { (cd "$root" && find . -xdev ! -type d ! -path './var/lib/rpm*' | sort); }

# Nothing but features of rpm itself is required, so an empty root will do.
if rpm --query --package --requires "$package" | grep -v '^rpmlib('; then
  echo "error: $package requires that" >&2
  exit 1
fi
listed=$(rpm --query --package --list "$package")
in_root --initdb
files > target/packaging/before
in_root --install --ignorearch "$package"
help=$(chroot "$root" /usr/bin/ssm-profile --help)
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/-\1/p' <<< "$help" | grep -vx -- -help)
for command in "" $commands; do
  grep -qx "/usr/share/man/man1/ssm-profile$command.1" <<< "$listed"
done
for file in bash-completion/completions/ssm-profile zsh/site-functions/_ssm-profile fish/vendor_completions.d/ssm-profile.fish \
  licenses/ssm-profile/LICENSE; do
  test -s "$root/usr/share/$file"
done
in_root --verify ssm-profile
# There is no shell and no library in this root.
verdict=$(chroot "$root" /usr/bin/ssm-profile check -q --snapshot /usr/share/doc/ssm-profile/examples/account.json i-0a1b2c3d400000001)
grep -q '^ready ' <<< "$verdict"
in_root --erase ssm-profile
files | diff target/packaging/before -
echo "$package: installed, run and removed with all its files"
