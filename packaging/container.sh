#!/usr/bin/env bash
# Puts together what packaging/Dockerfile copies, in target/packaging/container, from an archive of packaging/archive.sh: one for
# musl, as there is no library in the image.
#
#     packaging/container.sh ARCHIVE.tar.gz [CERTIFICATES]
#
# CERTIFICATES is a PEM bundle, Debian's (and so Mozilla's) of this machine unless given. rustls-native-certs finds it where Debian
# has it; `AWS_CA_BUNDLE` names another one.
set -euo pipefail
cd "$(dirname "$0")/.."
archive=$1
certificates=${2:-/etc/ssl/certs/ca-certificates.crt}
name=$(basename "$archive" .tar.gz)
case $name in
  *-x86_64-*-musl) architecture=amd64 ;;
  *-aarch64-*-musl) architecture=arm64 ;;
  *)
    echo "error: what is in \`$archive\` is not static; give an archive for musl" >&2
    exit 2
    ;;
esac
context=target/packaging/container
root=$context/$architecture
rm -rf "$root"
install -d -m 1777 "$root/tmp"
mkdir -p "$root/usr/bin" "$root/usr/share/doc/ssm-profile"
tar -xzf "$archive" -C "$root/usr/bin" --strip-components 1 "$name/ssm-profile"
tar -xzf "$archive" -C "$root/usr/share/doc/ssm-profile" --strip-components 1 "$name/LICENSE"
install -D -m 644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
echo "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin" > "$root/etc/passwd"
echo "nonroot:x:65532:" > "$root/etc/group"
mkdir -p "$context/home/nonroot"
echo "$root"
