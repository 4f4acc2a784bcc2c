#include "net/tls/key_reader.h"

#include <openssl/decoder.h>
#include <openssl/pem.h>

#include <utility>

namespace weir::net {

/// OpenSSL puts the key where it was told when the decoder was made.
struct KeyReader::Decoder {
  EVP_PKEY* key = nullptr;
  std::unique_ptr<OSSL_DECODER_CTX, OpenSslFree<OSSL_DECODER_CTX_free>> context{
      OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", nullptr, nullptr, OSSL_KEYMGMT_SELECT_ALL, nullptr, nullptr)};
};

namespace {

int give_password(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (static_cast<int>(text.size()) > size) return -1;
  text.copy(buffer, text.size());
  return static_cast<int>(text.size());
}

}  // namespace

KeyReader::KeyReader() = default;
KeyReader::~KeyReader() = default;

PrivateKeyPtr KeyReader::read(const std::string& pem, const std::string& password) {
  if (password.empty()) {
    if (PrivateKeyPtr key = read_plain(pem)) return key;
  }
  // Slowly: also encrypted ones, and those that stand behind something else.
  const BioPtr bio = bio_over(pem);
  return PrivateKeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, const_cast<std::string*>(&password)));
}

PrivateKeyPtr KeyReader::read_plain(const std::string& pem) {
  if (pem.find("ENCRYPTED") != std::string::npos) return nullptr;  // nobody must be asked for a password
  if (decoder_ == nullptr) decoder_ = std::make_unique<Decoder>();
  const BioPtr bio = bio_over(pem);
  decoder_->key = nullptr;
  const bool read = decoder_->context != nullptr && OSSL_DECODER_from_bio(decoder_->context.get(), bio.get()) == 1;
  PrivateKeyPtr key(std::exchange(decoder_->key, nullptr));
  return read ? std::move(key) : nullptr;
}

}  // namespace weir::net
