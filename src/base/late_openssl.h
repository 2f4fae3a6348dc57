/*
 * What OpenSSL encrypts and decrypts are secrets and tokens, which its memory is not to keep: from here on it is
 * wiped when it is given back. Before anything else calls OpenSSL, as libcurl does; what src/base calls of it does so
 * by itself. From any thread, any number of times.
 */
#ifndef BASE_LATE_OPENSSL_H
#define BASE_LATE_OPENSSL_H

void late_openssl_begin(void);

#endif
