/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcrypto, found at run time (libcrypto_load.c). Its archive would make the program four times as
 * large, with tens of thousands of relocations at every start, and is compiled without landing pads
 * for indirect branches (Debian 12), all for what only Realms ask for. A program that has to run
 * where there are no libraries is linked with it all the same (libcrypto_linked.c). Any thread.
 */
#ifndef REALM_LIBCRYPTO_H
#define REALM_LIBCRYPTO_H

/* The digests are those that need no provider. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

/* What we call. The types are those of OpenSSL's own headers. */
#define LIBCRYPTO_FUNCTIONS(X)                                                                     \
	X(SHA256_Init)                                                                             \
	X(SHA256_Update)                                                                           \
	X(SHA256_Final)                                                                            \
	X(SHA384_Init)                                                                             \
	X(SHA384_Update)                                                                           \
	X(SHA384_Final)                                                                            \
	X(SHA512_Init)                                                                             \
	X(SHA512_Update)                                                                           \
	X(SHA512_Final)                                                                            \
	X(OPENSSL_init_crypto)                                                                     \
	X(ERR_clear_error)                                                                         \
	X(EVP_MD_CTX_new)                                                                          \
	X(EVP_MD_CTX_free)                                                                         \
	X(EVP_DigestSignInit_ex)                                                                   \
	X(EVP_DigestSignUpdate)                                                                    \
	X(EVP_DigestSignFinal)                                                                     \
	X(EVP_DigestVerifyInit_ex)                                                                 \
	X(EVP_DigestVerifyUpdate)                                                                  \
	X(EVP_DigestVerifyFinal)                                                                   \
	X(EVP_PKEY_CTX_new_from_name)                                                              \
	X(EVP_PKEY_CTX_free)                                                                       \
	X(EVP_PKEY_fromdata_init)                                                                  \
	X(EVP_PKEY_fromdata)                                                                       \
	X(EVP_PKEY_Q_keygen)                                                                       \
	X(EVP_PKEY_free)                                                                           \
	X(EVP_PKEY_get_bn_param)                                                                   \
	X(EVP_PKEY_get_utf8_string_param)                                                          \
	X(OSSL_PARAM_construct_utf8_string)                                                        \
	X(OSSL_PARAM_construct_octet_string)                                                       \
	X(OSSL_PARAM_construct_end)                                                                \
	X(BN_bin2bn)                                                                               \
	X(BN_bn2binpad)                                                                            \
	X(BN_free)                                                                                 \
	X(ECDSA_SIG_new)                                                                           \
	X(ECDSA_SIG_free)                                                                          \
	X(ECDSA_SIG_set0)                                                                          \
	X(ECDSA_SIG_get0)                                                                          \
	X(i2d_ECDSA_SIG)                                                                           \
	X(d2i_ECDSA_SIG)                                                                           \
	X(BIO_new_mem_buf)                                                                         \
	X(BIO_new)                                                                                 \
	X(BIO_s_secmem)                                                                            \
	X(BIO_read)                                                                                \
	X(BIO_free)                                                                                \
	X(PEM_read_bio_PrivateKey_ex)                                                              \
	X(PEM_read_bio_PUBKEY_ex)                                                                  \
	X(PEM_write_bio_PKCS8PrivateKey)                                                           \
	X(PEM_write_bio_PUBKEY_ex)

struct libcrypto {
#define LIBCRYPTO_MEMBER(f) __typeof__(&f) f;
	LIBCRYPTO_FUNCTIONS(LIBCRYPTO_MEMBER)
#undef LIBCRYPTO_MEMBER
};

/* Keys and signatures here are not a matter of the machine's openssl.cnf. */
static inline void libcrypto_init(const struct libcrypto *c)
{
	c->OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

/*
 * Fill *c; the first call of the process loads the library, which then stays. 0, or -ELIBACC after
 * one log_error() line.
 */
int libcrypto_load(struct libcrypto *c);

#endif
