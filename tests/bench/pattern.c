/*
 * Three parts each time: the rest of a word that the offset falls into, blocks of whole words (a
 * fixed count, in vector registers: the load must not be what limits the relay), and the bytes left
 * over.
 */
#include "pattern.h"
#include <stdbool.h>
#include <string.h>

#define STEP  UINT64_C(0x9e3779b97f4a7c15)
#define WORD  sizeof(uint64_t)
#define PAIRS 4
#define BLOCK sizeof(struct block)

uint64_t pattern_seed(uint64_t n)
{
	uint64_t z = (n + 1) * STEP;

	/* splitmix64's finaliser (Steele, Lea, Flood: Fast Splittable PRNGs) */
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint8_t pattern_byte(uint64_t seed, uint64_t offset)
{
	uint64_t word = seed + offset / WORD * STEP;

	return ((const uint8_t *)&word)[offset % WORD];
}

static size_t fill_bytes(uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern_byte(seed, offset + i);
	return len;
}

static size_t check_bytes(const uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	size_t i = 0;

	while (i < len && buf[i] == pattern_byte(seed, offset + i))
		i++;
	return i;
}

/* How many bytes until the offset is at a word's start, but not more than there are. */
static size_t head_of(uint64_t offset, size_t len)
{
	size_t head = -offset % WORD;

	return head < len ? head : len;
}

/* Two words in a vector register, four registers in a block: adding is all there is to do. */
typedef uint64_t pair __attribute__((vector_size(2 * WORD)));

struct block {
	pair pairs[PAIRS];
};

static struct block block_at(uint64_t seed, uint64_t offset)
{
	uint64_t word = seed + offset / WORD * STEP;
	struct block b;

	for (uint64_t i = 0; i < PAIRS; i++)
		b.pairs[i] = (pair){ word + 2 * i * STEP, word + (2 * i + 1) * STEP };
	return b;
}

static void block_advance(struct block *b)
{
	for (size_t i = 0; i < PAIRS; i++)
		b->pairs[i] += 2 * PAIRS * STEP;
}

static bool block_equals(const struct block *b, const uint8_t *buf)
{
	struct block other;
	pair difference = { 0, 0 };

	memcpy(&other, buf, BLOCK);
	for (size_t i = 0; i < PAIRS; i++)
		difference |= other.pairs[i] ^ b->pairs[i];
	return (difference[0] | difference[1]) == 0;
}

void pattern_fill(uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	size_t done = fill_bytes(buf, head_of(offset, len), seed, offset);
	struct block b = block_at(seed, offset + done);

	for (; len - done >= BLOCK; done += BLOCK, block_advance(&b))
		memcpy(buf + done, &b, BLOCK);
	fill_bytes(buf + done, len - done, seed, offset + done);
}

size_t pattern_check(const uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	size_t head = head_of(offset, len);
	size_t done = check_bytes(buf, head, seed, offset);
	struct block b = block_at(seed, offset + done);

	if (done < head)
		return done;
	for (; len - done >= BLOCK && block_equals(&b, buf + done); done += BLOCK)
		block_advance(&b);
	return done + check_bytes(buf + done, len - done, seed, offset + done);
}
