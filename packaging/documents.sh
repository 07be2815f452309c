#!/usr/bin/env bash
# Writes the manual pages and the shell completions, as the binary itself prints them, to target/packaging/{man,completions}.
#
#     packaging/documents.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1
# No file and no variable of whoever packages gets into a page.
print() { env -u CLICOLOR_FORCE SSM_PROFILE_CONFIG=none "$binary" --color never "$@"; }

man=target/packaging/man
completions=target/packaging/completions
rm -rf "$man" "$completions"
mkdir -p "$man" "$completions"
commands=$(print --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p')
test -n "$commands"
print man > "$man/ssm-profile.1"
for command in $commands; do
  # clap's own; it has no page.
  if [ "$command" != help ]; then print man "$command" > "$man/ssm-profile-$command.1"; fi
done
# Each under the name by which its shell looks for it.
print completions bash > "$completions/ssm-profile.bash"
print completions zsh > "$completions/_ssm-profile"
print completions fish > "$completions/ssm-profile.fish"
print completions powershell > "$completions/_ssm-profile.ps1"
