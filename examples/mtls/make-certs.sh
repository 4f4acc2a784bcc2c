#!/bin/sh
# Makes the folder certs: an authority, and an identity (certificate and key) for each service, its SPIFFE name in the certificate.
set -e
cd "$(dirname "$0")"
mkdir -p certs
cd certs
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
key ca
openssl req -x509 -new -key ca.key -days 365 -subj '/CN=example.org' -out ca.crt
for service in frontend backend stranger; do
  key $service
  openssl req -new -key $service.key -subj "/CN=$service" |
    openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 90 -out $service.crt -extfile /dev/fd/3 2>/dev/null 3<<EXTENSIONS
subjectAltName=URI:spiffe://example.org/ns/shop/sa/$service
keyUsage=digitalSignature
extendedKeyUsage=serverAuth,clientAuth
EXTENSIONS
done
