/*
 * Three parts each time: the rest of a word that the offset falls into, blocks of whole words (a
 * fixed count, so that the compiler makes vector instructions of them: the load must not be what
 * limits the relay), and the bytes left over.
 */
#include "pattern.h"
#include <endian.h>
#include <string.h>

#define STEP  UINT64_C(0x9e3779b97f4a7c15)
#define WORD  sizeof(uint64_t)
#define WORDS 16
#define BLOCK (WORDS * WORD)

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

	return (uint8_t)(word >> offset % WORD * 8);
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

static void fill_block(uint8_t *buf, uint64_t word)
{
	uint64_t words[WORDS];

	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = htole64(word + i * STEP);
	memcpy(buf, words, BLOCK);
}

static uint64_t block_difference(const uint8_t *buf, uint64_t word)
{
	uint64_t words[WORDS];
	uint64_t difference = 0;

	memcpy(words, buf, BLOCK);
	for (uint64_t i = 0; i < WORDS; i++)
		difference |= words[i] ^ htole64(word + i * STEP);
	return difference;
}

void pattern_fill(uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	size_t done = fill_bytes(buf, head_of(offset, len), seed, offset);
	uint64_t word = seed + (offset + done) / WORD * STEP;

	for (; len - done >= BLOCK; done += BLOCK, word += WORDS * STEP)
		fill_block(buf + done, word);
	fill_bytes(buf + done, len - done, seed, offset + done);
}

size_t pattern_check(const uint8_t *buf, size_t len, uint64_t seed, uint64_t offset)
{
	size_t head = head_of(offset, len);
	size_t done = check_bytes(buf, head, seed, offset);
	uint64_t word = seed + (offset + done) / WORD * STEP;

	if (done < head)
		return done;
	for (; len - done >= BLOCK; done += BLOCK, word += WORDS * STEP)
		if (block_difference(buf + done, word))
			break;
	return done + check_bytes(buf + done, len - done, seed, offset + done);
}
