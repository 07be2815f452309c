#!/bin/sh
# What a new user does first, from a bare shell without AWS credentials: the commands of the README that install the tool, the
# examples above them, each with the exit code that the README gives, and those of its section on use that need no account. Ends with 0
# if all of it went as shown.
#
#     packaging/first-run.sh            installs as the README says, into a temporary directory
#     packaging/first-run.sh BINARY     takes a binary that is already installed
set -eu
cd "$(dirname "$0")/.."

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
# A shell with nothing of this one but what finds programs and toolchains.
bare() {
  env -i PATH="$home/bin:$PATH" HOME="$home" CARGO_HOME="${CARGO_HOME:-${HOME-}/.cargo}" \
    RUSTUP_HOME="${RUSTUP_HOME:-${HOME-}/.rustup}" CARGO_INSTALL_ROOT="$home" AWS_EC2_METADATA_DISABLED=true sh -c "$1"
}

if [ $# -gt 0 ]; then
  mkdir "$home/bin"
  ln -s "$(realpath "$1")" "$home/bin/ssm-profile"
else
  # The first `sh` block of the section on installing.
  # shellcheck disable=SC2016 # The backticks are Markdown's.
  install=$(sed -n '/^## Install/,/^## Use/{/^```sh$/,/^```$/{/^```/!p;};}' README.md)
  test -n "$install"
  echo "\$ $install"
  bare "set -e; $install"
fi
bare 'ssm-profile --version'

# Each example: the exit code in the comment above its `console` block, and the command.
examples=$home/examples
sed -n '/^## Install/q
  s/^<!-- exit: \([0-9]*\) -->$/\1/p
  s/^\$ //p' README.md > "$examples"
test -s "$examples"
sed -n '/^## Use/,/^## Documentation/{
  s/^ssm-profile explain /0\
&/p
  s/^ssm-profile policy /0\
&/p
}' README.md >> "$examples"
while read -r code && read -r command; do
  echo "\$ $command"
  ended=0
  bare "$command" > "$home/output" < /dev/null || ended=$?
  head -n 1 "$home/output"
  if [ "$ended" != "$code" ]; then
    echo "error: it ended with $ended, not $code" >&2
    exit 1
  fi
done < "$examples"
