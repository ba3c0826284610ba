/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/*
 * What a reading of the heap costs: mv-heap PID [ROUNDS] prints
 *
 *     blocks, heap_bytes   what is there
 *     first_ms             the first reading, its memory not there yet
 *     read_ms              a reading whose memory is kept, median of ROUNDS
 *     copy_ms, walk_ms     of it: the copy; the walk, caches, sums and index
 *     mib                  memory taken: copy, blocks and index
 */

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/heap.h"

#define ROUNDS_MAX 101

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

static double walk_ms(const struct mv_heap_where *where, const struct mv_memcopy *copy, struct mv_heap *heap)
{
	const double began = now_ms();

	mv_heap_walk(where, copy, SIZE_MAX / 2, heap);
	return now_ms() - began;
}

static double taken_mib(const struct mv_memcopy *copy, const struct mv_heap *heap)
{
	uint64_t bytes = heap->block_count * sizeof(*heap->blocks) + heap->system_bytes / 512 * 4;

	for (size_t i = 0; i < copy->count; i++)
		bytes += copy->at[i].present_bytes;
	return (double)bytes / (1 << 20);
}

int main(int argc, char **argv)
{
	const int rounds = argc > 2 && atoi(argv[2]) > 0 && atoi(argv[2]) < ROUNDS_MAX ? atoi(argv[2]) : 11;
	double read_times[ROUNDS_MAX], walk_times[ROUNDS_MAX], copy_times[ROUNDS_MAX], first = 0;
	struct mv_heap_opts opts = {0};
	struct mv_heap_where where;
	struct mv_source *source;
	struct mv_target *target;
	struct mv_memcopy copy;
	static struct mv_heap heap;

	setlocale(LC_ALL, "C.UTF-8");
	if (argc < 2 || mv_source_new(&(struct mv_source_opts){0}, &source) < 0 ||
	    mv_target_open(source, atoi(argv[1]), &target) < 0) {
		fprintf(stderr, "usage: mv-heap PID [ROUNDS]\n");
		return 2;
	}
	mv_heap_init(&heap);
	mv_heap_where_init(&where);
	mv_memcopy_init(&copy);
	for (int i = -1; i < rounds; i++) {
		const double began = now_ms();

		if (mv_heap_read(source, target, &opts, &where, &copy, &heap) < 0)
			return 1;
		if (i < 0)
			first = now_ms() - began;
		else
			read_times[i] = now_ms() - began;
		if (heap.reason != MV_HEAP_HAVE) {
			char text[160];

			printf("why %s\n", mv_heap_words(&heap, text).text);
			return 1;
		}
		if (i >= 0) {
			copy_times[i] = (double)(heap.ended_ns - heap.began_ns) / 1e6;
			walk_times[i] = walk_ms(&where, &copy, &heap);
		}
	}
	printf("blocks %zu\nheap_bytes %llu\nfirst_ms %.1f\nread_ms %.1f\ncopy_ms %.1f\nwalk_ms %.1f\nmib "
	       "%.0f\n",
	       heap.block_count, (unsigned long long)heap.system_bytes, first, median(read_times, rounds),
	       median(copy_times, rounds), median(walk_times, rounds), taken_mib(&copy, &heap));
	mv_heap_release(&heap);
	mv_heap_where_release(&where);
	mv_memcopy_release(&copy);
	mv_target_close(target);
	mv_source_free(source);
	return 0;
}
