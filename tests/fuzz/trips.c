#define _GNU_SOURCE		/* memmem */
/* Round trips, of what the first program takes:
 *
 *	frame2json | json2frame		the stream is the same, but for bits of NaNs
 *	frame2npz | npz2frame		the stream is the same
 *	graph2frame | frame2graph	the graph is the same JSON */
#include "fuzz.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool run(const char *name, struct bytes in, int slot, struct bytes *out)
{
	const struct target *t = target_find(name);
	char word[64], *argument[] = {word, NULL};

	if (!t)
		abort();
	snprintf(word, sizeof word, "%s", name);
	return filter_run(t, argument, in, slot, out) == 0;
}

static void differ(const char *what, struct bytes a, struct bytes b)
{
	fprintf(stderr, "%s differs: %s\n", what, refusal);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(i ? "differs-b" : "differs-a", "wb");
		if (f) {
			fwrite(i ? b.bytes : a.bytes, 1, i ? b.n : a.n, f);
			fclose(f);
		}
	}
	abort();
}

static bool equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && memcmp(a.bytes, b.bytes, a.n) == 0;
}

static struct bytes given(void)
{
	return (struct bytes){(uint8_t *)(uintptr_t)current->part[0].bytes, current->part[0].n};
}

static void trip_json(const char *path)
{
	struct bytes text, again = {0}, stream, plain;

	(void)path;
	if (!run("frame2json", given(), 0, &text))
		return;
	if (!run("json2frame", text, 1, &stream))
		differ("what frame2json wrote, which json2frame refuses,", text, stream);
	bool nan = memmem(text.bytes, text.n, "\"NaN\"", 5);
	if (!run("framecat", given(), 2, &plain) || (!nan && !equal(plain, stream)))
		differ("frame2json | json2frame", plain, stream);
	if (nan && (!run("frame2json", plain, 0, &text) || !run("frame2json", stream, 2, &again)
			|| !equal(text, again)))
		differ("frame2json | json2frame | frame2json", text, again);
}

static void trip_npz(const char *path)
{
	struct bytes arrays, stream, plain;

	(void)path;
	if (!run("frame2npz", given(), 0, &arrays))
		return;
	if (!run("npz2frame", arrays, 1, &stream))
		differ("what frame2npz wrote, which npz2frame refuses,", arrays, stream);
	if (!run("framecat", given(), 2, &plain) || !equal(plain, stream))
		differ("frame2npz | npz2frame", plain, stream);
}

static json_t *parsed(struct bytes b)
{
	return json_loadb((char *)b.bytes, b.n, JSON_ALLOW_NUL, NULL);
}

static void trip_graph(const char *path)
{
	struct bytes stream, text;

	(void)path;
	if (!run("graph2frame", given(), 0, &stream))
		return;
	if (!run("frame2graph", stream, 1, &text))
		differ("what graph2frame wrote, which frame2graph refuses,", stream, text);
	json_t *before = parsed(given()), *after = parsed(text);
	if (before && !json_equal(before, after))
		differ("graph2frame | frame2graph", given(), text);
	json_decref(before);
	json_decref(after);
}

TARGET(trip_json, trip_json, false)
TARGET(trip_npz, trip_npz, false)
TARGET(trip_graph, trip_graph, false)
