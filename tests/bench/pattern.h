/*
 * The bytes that the load carries. Word i of a stream is seed + i * an odd constant, so no two
 * aligned words of one stream are equal and every byte's value follows from its position: a byte
 * that is lost, repeated, moved or altered is seen, whatever its distance from its place.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The seed of stream number n; streams of different numbers differ from their first word on. */
uint64_t pattern_seed(uint64_t n);

/* Writes bytes offset .. offset + len of the stream. */
void pattern_fill(uint8_t *buf, size_t len, uint64_t seed, uint64_t offset);

/* The index in buf of the first byte that is not the stream's; len if all are right. */
size_t pattern_check(const uint8_t *buf, size_t len, uint64_t seed, uint64_t offset);
