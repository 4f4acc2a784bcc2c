#!/bin/bash
# Makes the certificates that the cases of TLS use, in $1: throw-away authorities, servers, clients, revocations. Never committed.
set -euo pipefail
[ -e "${1:?usage: certs.sh DIR}/done" ] && exit 0
final=$1
dir=$(mktemp -d "$final.XXXXXX")
cd "$dir"

authority() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.crt" -days 365 \
    -subj "/CN=$1" -addext keyUsage=critical,keyCertSign,cRLSign -addext basicConstraints=critical,CA:TRUE 2>/dev/null
}
certificate() { # NAME AUTHORITY KEY SUBJECT SANS [MORE OPTIONS OF x509]
  local name=$1 authority=$2 key=$3 subject=$4 sans=$5
  shift 5
  if [ "$key" = rsa ]; then
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.key" 2>/dev/null
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"${key:-P-256}" -out "$name.key" 2>/dev/null
  fi
  openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
  local lines="keyUsage=critical,${usage:-digitalSignature,keyEncipherment}
extendedKeyUsage=serverAuth,clientAuth"
  [ -n "$sans" ] && lines="$lines
subjectAltName=$sans"
  openssl x509 -req -in "$name.csr" -CA "$authority.crt" -CAkey "$authority.key" -CAcreateserial -sha256 -days 90 \
    -extfile <(echo "$lines") -out "$name.crt" "$@" 2>/dev/null
}

intermediate() { # NAME AUTHORITY
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -sha256 -days 90 -extfile <(
    echo "keyUsage=critical,keyCertSign,cRLSign
basicConstraints=critical,CA:TRUE"
  ) -out "$1.crt" 2>/dev/null
}

authority ca
authority other
certificate server ca P-256 /CN=server.test 'DNS:server.test,DNS:*.wild.test,DNS:localhost,IP:127.0.0.1,URI:spiffe://mesh.test/ns/default/sa/server'
certificate server_rsa ca rsa /CN=server.test 'DNS:server.test,DNS:localhost,IP:127.0.0.1'
usage=keyEncipherment certificate encipher ca rsa /CN=encipher.test DNS:encipher.test
certificate first ca P-256 /CN=first.test 'DNS:first.test'
certificate second ca P-256 /CN=second.test 'DNS:second.test'
certificate client ca P-256 '/O=Mesh, Inc/CN=client' 'URI:spiffe://mesh.test/ns/default/sa/client,DNS:client.test,DNS:www.client.test,email:client@mesh.test'
certificate stranger other P-256 /CN=stranger 'URI:spiffe://other.test/ns/default/sa/stranger,DNS:stranger.test'
certificate revoked ca P-256 /CN=revoked 'URI:spiffe://mesh.test/revoked'
certificate server384 ca P-384 /CN=p384.test 'DNS:p384.test'
certificate names ca P-256 /CN=names 'DNS:A.names.test,IP:10.1.2.3,IP:fd00::1,email:who@names.test,URI:spiffe://mesh.test/names,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:who@corp.test'
# Behind intermediates: ca - middle - lower - deep, and ca - fallen (revoked) - orphan.
intermediate middle ca
intermediate lower middle
intermediate fallen ca
certificate shallow middle P-256 /CN=shallow DNS:shallow.test
certificate recalled middle P-256 /CN=recalled DNS:recalled.test
certificate deep lower P-256 /CN=deep DNS:deep.test
certificate orphan fallen P-256 /CN=orphan DNS:orphan.test
for chain in 'shallow middle' 'recalled middle' 'deep lower middle' 'orphan fallen'; do
  for each in $chain; do cat "$each.crt"; done >"${chain%% *}.chain.crt"
  cp "${chain%% *}.key" "${chain%% *}.chain.key"
done
# Signed as of a day when it was still good, and as of one to come.
for name in expired future; do
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key 2>/dev/null
  openssl req -new -key $name.key -subj /CN=$name -out $name.csr
done
mkdir -p db && touch db/index && echo 01 >db/crlnumber && echo 1000 >db/serial
cat >db/conf <<'CONF'
[ca]
default_ca = it
[it]
database = db/index
crlnumber = db/crlnumber
serial = db/serial
new_certs_dir = db
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
CONF
openssl ca -batch -config db/conf -in expired.csr -out expired.crt -startdate 20200101000000Z -enddate 20200102000000Z -notext 2>/dev/null
openssl ca -batch -config db/conf -in future.csr -out future.crt -startdate 20480101000000Z -enddate 20480102000000Z -notext 2>/dev/null
openssl ca -config db/conf -revoke revoked.crt 2>/dev/null
openssl ca -config db/conf -revoke fallen.crt 2>/dev/null
openssl ca -config db/conf -gencrl -out ca.crl 2>/dev/null
for name in middle fallen; do
  mkdir -p db/$name && touch db/$name/index && echo 01 >db/$name/crlnumber
  sed "s,db/index,db/$name/index,; s,db/crlnumber,db/$name/crlnumber,; s,ca\.,$name.," db/conf >db/$name/conf
done
openssl ca -config db/middle/conf -revoke recalled.crt 2>/dev/null
openssl ca -config db/middle/conf -gencrl -out middle.crl 2>/dev/null
openssl ca -config db/fallen/conf -gencrl -out fallen.crl 2>/dev/null
cat ca.crl fallen.crl >fallen.all.crl
cat ca.crl middle.crl >middle.all.crl
openssl x509 -in client.crt -noout -fingerprint -sha256 | sed 's/.*=//' >client.sha256
openssl x509 -in client.crt -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64 >client.spki
openssl pkcs12 -export -in server.crt -inkey server.key -passout pass:secret -out server.p12
openssl ec -in server.key -aes128 -passout pass:secret -out server.encrypted.key 2>/dev/null
for key in ticket ticket2 ticket3; do openssl rand 80 >$key.key; done
chmod 644 ./*
touch done
mv -T "$dir" "$final" 2>/dev/null || rm -rf "$dir" # somebody else was faster
