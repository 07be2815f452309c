#!/usr/bin/env bash
# Runs the binary among the files of the container image, and nothing else, as the image's user, and shows that TLS works: the
# certificates of the image count, `AWS_CA_BUNDLE` counts, and a certificate that neither vouches for is refused. Needs root, which
# it gives up, and python3; the TLS server is on loopback.
#
#     packaging/test-container.sh ARCHITECTURE
set -euo pipefail
cd "$(dirname "$0")/.."
context=target/packaging/container
root=target/packaging/test-container
rm -rf "$root"
mkdir -p "$root"
cp -a "$context/$1/." "$context/home" "$root"
chown -R 65532:65532 "$root/home"
# Docker adds it.
echo "127.0.0.1 localhost" > "$root/etc/hosts"
cp examples/account.json "$root/home/nonroot/"

# What packaging/Dockerfile sets, read from it.
setting() { sed -n "s/^$1 //p" packaging/Dockerfile; }
inside() {
  env -i "$(setting ENV)" AWS_EC2_METADATA_DISABLED=true "${environment[@]}" \
    "$(command -v chroot)" --userspec="$(setting USER)" "$root" "$(setting ENTRYPOINT | tr -d '[]"')" "$@"
}
environment=()
inside check -q --snapshot /home/nonroot/account.json i-0a1b2c3d400000001

# Answers each request with a refusal, and notes that one came through.
requests=target/packaging/requests
: > "$requests"
port_file=target/packaging/port
rm -f "$port_file"
python3 - "$port_file" "$requests" tests/it/certificates/localhost <<'PYTHON' &
import http.server, os, ssl, sys

port_file, requests, certificate = sys.argv[1:]


class Refuse(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(requests, "a") as file:
            print(self.path, file=file)
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments):
        """A client that refuses the certificate is no error here."""


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate + ".pem", certificate + ".key")
server = Quiet(("127.0.0.1", 0), Refuse)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(port_file + ".new", "w") as file:
    print(server.server_port, file=file)
os.rename(port_file + ".new", port_file)
server.serve_forever()
PYTHON
server=$!
trap 'kill "$server"' EXIT
until [ -e "$port_file" ]; do
  kill -0 "$server"
  sleep 0.1
done
url=https://localhost:$(cat "$port_file")

# How many requests a check makes of the server.
requests_of_a_check() {
  : > "$requests"
  inside check i-0123456789abcdef0 --region us-east-1 --endpoint-url "$url" > target/packaging/output 2>&1 || true
  wc -l < "$requests"
}
credentials=(AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=example)

environment=("${credentials[@]}")
if [ "$(requests_of_a_check)" -gt 0 ]; then
  echo "error: a certificate that nothing vouches for was accepted" >&2
  exit 1
fi
grep -i certificate target/packaging/output

cp tests/it/certificates/authority.pem "$root/home/nonroot/authority.pem"
environment=("${credentials[@]}" AWS_CA_BUNDLE=/home/nonroot/authority.pem)
test "$(requests_of_a_check)" -gt 0

cat tests/it/certificates/authority.pem >> "$root/etc/ssl/certs/ca-certificates.crt"
environment=("${credentials[@]}")
test "$(requests_of_a_check)" -gt 0
echo "the container's files: run as $(setting USER), with TLS"
