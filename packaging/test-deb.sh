#!/usr/bin/env bash
# Installs a Debian package in a clean Debian, runs what a new user does first, removes the package, and looks for anything left. All
# of that takes less than a minute, or it fails. Needs root, and debootstrap for the clean Debian, which is made once.
#
#     packaging/test-deb.sh PACKAGE.deb
set -euo pipefail
cd "$(dirname "$0")/.."
package=$1
clean=target/packaging/bookworm
root=target/packaging/test-deb

if [ ! -e "$clean/complete" ]; then
  rm -rf "$clean"
  debootstrap --variant=minbase bookworm "$clean"
  touch "$clean/complete"
fi
rm -rf "$root"
cp -a "$clean" "$root"
# In it there is no network, so neither the package nor the examples of the README need one.
inside() { unshare --net chroot "$root" "$@"; }
# Every file but what dpkg itself keeps account in.
files() { (cd "$root" && find . -xdev ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' | sort); }

mkdir -p "$root/srv/packaging"
cp "$package" "$root/srv/package.deb"
cp README.md "$root/srv/"
cp packaging/first-run.sh "$root/srv/packaging/"
ln -s /usr/share/doc/ssm-profile/examples "$root/srv/examples"
files > target/packaging/before

SECONDS=0
inside dpkg --install /srv/package.deb
inside dpkg --verify ssm-profile
commands=$(inside ssm-profile --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/-\1/p' | grep -vx -- -help)
for command in "" $commands; do
  page=$(inside zcat "/usr/share/man/man1/ssm-profile$command.1.gz")
  grep -qi "^\.TH ssm-profile$command 1 " <<< "$page"
done
inside bash -n /usr/share/bash-completion/completions/ssm-profile
grep -q '^#compdef ssm-profile' "$root/usr/share/zsh/vendor-completions/_ssm-profile"
grep -q '^complete .*--command ssm-profile ' "$root/usr/share/fish/vendor_completions.d/ssm-profile.fish"
grep -q 'Apache License' "$root/usr/share/doc/ssm-profile/copyright"
inside sh /srv/packaging/first-run.sh /usr/bin/ssm-profile

inside dpkg --purge ssm-profile
files | diff target/packaging/before -
took=$SECONDS
echo "$package: installed, run and removed without a trace in $took s"
test "$took" -lt 60
