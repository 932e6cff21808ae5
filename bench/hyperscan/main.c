/* How fast Hyperscan looks for the patterns of a file in the blocks of others: one
 * core, block mode, blocks of up to 64 KiB that end with a line, the processor time
 * of the fastest of several passes. Matches are told by their end only, which is
 * Hyperscan's cheapest way.
 *
 *   hyperscan PATTERNS FILE...        prints a line a file: name, GB/s, matches
 */
#define _GNU_SOURCE
#include <hs/hs.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 64 << 10, MOST = 256 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *n) {
	(void)id, (void)from, (void)to, (void)flags;
	++*(unsigned long *)n;
	return 0;
}

static char *load(const char *path, size_t *size) {
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(2);
	}
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	char *b = malloc(*size + 1);
	if (!b || fread(b, 1, *size, f) != *size) {
		perror(path);
		exit(2);
	}
	b[*size] = 0;
	fclose(f);
	return b;
}

/* The length of the next block: up to its last line's end, or the whole line. */
static size_t block(const char *b, size_t n) {
	if (n <= BLOCK) return n;
	const char *end = memrchr(b, '\n', BLOCK);
	if (!end) end = memchr(b, '\n', n);
	return end ? (size_t)(end - b) + 1 : n;
}

int main(int argc, char **argv) {
	if (argc < 3) {
		fprintf(stderr, "usage: %s PATTERNS FILE...\n", argv[0]);
		return 2;
	}
	size_t size;
	char *text = load(argv[1], &size);
	const char *patterns[MOST];
	unsigned flags[MOST], ids[MOST], n = 0;
	for (char *p = strtok(text, "\n"); p && n < MOST; p = strtok(NULL, "\n")) {
		patterns[n] = p;
		flags[n] = 0;
		ids[n] = n;
		n++;
	}
	hs_database_t *db;
	hs_compile_error_t *bad;
	if (hs_compile_multi(patterns, flags, ids, n, HS_MODE_BLOCK, NULL, &db, &bad) != HS_SUCCESS) {
		fprintf(stderr, "pattern %d: %s\n", bad->expression, bad->message);
		return 2;
	}
	hs_scratch_t *scratch = NULL;
	if (hs_alloc_scratch(db, &scratch) != HS_SUCCESS) return 2;
	for (int i = 2; i < argc; i++) {
		char *b = load(argv[i], &size);
		double best = 0, begin = now();
		unsigned long found = 0;
		for (int pass = 0; pass < 5 || now() - begin < 1; pass++) {
			found = 0;
			double start = now();
			for (size_t off = 0; off < size;) {
				size_t len = block(b + off, size - off);
				if (hs_scan(db, b + off, len, 0, scratch, count, &found) != HS_SUCCESS) return 2;
				off += len;
			}
			double took = now() - start;
			if (best == 0 || took < best) best = took;
		}
		printf("%s\t%.4f\t%lu\n", basename(argv[i]), size / best / 1e9, found);
		free(b);
	}
	return 0;
}
