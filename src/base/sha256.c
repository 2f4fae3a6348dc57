/*
 * SHA-256 as in FIPS 180-4. Our own, because a request that only proves its API key then needs no
 * OpenSSL, whose loading takes longer than answering it (base/late_library.h).
 */
#include "base/crypto.h"

#include <endian.h>
#include <string.h>

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8, ROUNDS = 64 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t turned(uint32_t word, unsigned bits)
{
	return word >> bits | word << (32 - bits);
}

static void expand(const unsigned char *block, uint32_t schedule[static ROUNDS])
{
	for (size_t i = 0; i < 16; i++) {
		memcpy(&schedule[i], block + 4 * i, sizeof(schedule[i]));
		schedule[i] = be32toh(schedule[i]);
	}
	for (int i = 16; i < ROUNDS; i++) {
		const uint32_t a = schedule[i - 15], b = schedule[i - 2];

		schedule[i] = schedule[i - 16] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) +
			      schedule[i - 7] + (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
	}
}

static void take_block(uint32_t state[static 8], const unsigned char *block)
{
	uint32_t schedule[ROUNDS], work[8]; /* a to h of the standard */

	expand(block, schedule);
	memcpy(work, state, sizeof(work));
	for (int i = 0; i < ROUNDS; i++) {
		const uint32_t a = work[0], e = work[4];
		const uint32_t choice = (e & work[5]) ^ (~e & work[6]);
		const uint32_t majority = (a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]);
		const uint32_t first = work[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) +
				       choice + round_constants[i] + schedule[i];
		const uint32_t second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority;

		memmove(work + 1, work, 7 * sizeof(work[0]));
		work[4] += first;
		work[0] = first + second;
	}
	for (int i = 0; i < 8; i++)
		state[i] += work[i];
	explicit_bzero(schedule, sizeof(schedule));
	explicit_bzero(work, sizeof(work));
}

/* What is left over, a bit that is set, zeros and the length in bits: one block or two. */
static void take_end(uint32_t state[static 8], const unsigned char *rest, size_t size, size_t total)
{
	const uint64_t bits = htobe64((uint64_t)total * 8);
	unsigned char end[2 * BLOCK_BYTES] = {0};
	const size_t end_size =
		size + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;

	memcpy(end, rest, size);
	end[size] = 0x80;
	memcpy(end + end_size - LENGTH_BYTES, &bits, LENGTH_BYTES);
	for (size_t i = 0; i < end_size; i += BLOCK_BYTES)
		take_block(state, end + i);
	explicit_bzero(end, sizeof(end));
}

void sha256(const void *bytes, size_t size, unsigned char digest[static SHA256_BYTES])
{
	/* The same of the square roots of the first eight. */
	uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	const unsigned char *next = bytes;
	size_t left = size;

	for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, next += BLOCK_BYTES)
		take_block(state, next);
	take_end(state, next, left, size);
	for (int i = 0; i < 8; i++)
		state[i] = htobe32(state[i]);
	memcpy(digest, state, SHA256_BYTES);
}
