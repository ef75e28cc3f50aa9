#include "file/kept.h"

#include "base/die.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void kept_check(const struct kept_options *o)
{
	if (o->skip > 0 && o->context == 0)
		misuse("--skip needs --context: the length of a sequence");
	if (o->skip > 0 && o->skip >= o->context)
		misuse("--skip %zu leaves out whole sequences of %zu", o->skip, o->context);
	if (o->skip_ids && !o->tokens)
		misuse("--skip-ids needs --tokens: the vocabulary ids of the tokens");
}

static void leave_out(struct kept *k, size_t row, size_t *count)
{
	*count += kept(k, row);
	if (!k->gone)
		k->gone = xcalloc(k->rows, sizeof *k->gone);
	k->gone[row] = 1;
}

static void want_rows(const char *file, const struct array *a, size_t rows)
{
	if (array_count(a) != rows)
		die("%s: of %zu tokens, where there are %zu", file, array_count(a), rows);
}

static void apply_mask(struct kept *k, const char *file)
{
	struct array a;
	struct archive *f = array_open_mask(file, &a);
	const uint8_t *mask = a.data;
	size_t count = 0;

	if (a.dtype != SM_U1)
		die("%s: a mask is of type bool or u1: 1 for a token to keep, else 0", file);
	want_rows(file, &a, k->rows);
	for (size_t i = 0; i < k->rows; i++)
		if (mask[i] > 1)
			die("%s: number %zu is %d: a mask is of 1, a token to keep, and 0", file, i,
				mask[i]);
		else if (mask[i] == 0)
			leave_out(k, i, &count);
	archive_close(f);
	note("%zu tokens are left out by --mask", count);
}

/* The numbers of "0,2", to free(). */
static double *read_ids(const char *text, size_t *n)
{
	double *id = xalloc(strlen(text) + 1, sizeof *id);
	char *end;

	for (*n = 0; ; text = end + 1) {
		unsigned long long x = strtoull(text, &end, 10);
		if (!isdigit((unsigned char)*text) || x > UINT32_MAX || (*end && *end != ','))
			misuse("--skip-ids: \"%s\" does not begin with an id", text);
		id[(*n)++] = (double)x;
		if (!*end)
			return id;
	}
}

static void apply_ids(struct kept *k, const struct kept_options *o, const struct array *vocab)
{
	struct array own;
	struct archive *f = vocab ? NULL : array_open(o->tokens, &own);
	size_t n, count = 0;
	double *id = read_ids(o->skip_ids, &n);

	if (!vocab)
		want_rows(o->tokens, vocab = &own, k->rows);
	for (size_t i = 0; i < k->rows; i++) {
		double x = sm_to_double(vocab->data, vocab->dtype, i);
		for (size_t j = 0; j < n; j++)
			if (x == id[j]) {
				leave_out(k, i, &count);
				break;
			}
	}
	free(id);
	if (f)
		archive_close(f);
	note("%zu tokens are left out by --skip-ids", count);
}

void kept_open(struct kept *k, const struct kept_options *o, const char *name, size_t rows,
	const struct array *vocab)
{
	size_t count = 0;

	*k = (struct kept){.rows = rows, .context = o->context, .skip = o->skip,
		.finite = o->finite};
	if (k->context > 0 && rows % k->context > 0)
		die("%s: %zu tokens are not whole sequences of %zu (--context)", name, rows,
			k->context);
	if (o->mask)
		apply_mask(k, o->mask);
	if (o->skip_ids)
		apply_ids(k, o, vocab);
	for (size_t i = 0; k->gone && i < rows; i++)
		count += k->gone[i];
	if (count > 0)
		k->words = xasprintf("%zu tokens #%016llx", count,
			(unsigned long long)XXH64(k->gone, rows, 0));
}

size_t kept_finite(struct kept *k, struct states *s)
{
	size_t count = 0, d = states_d(s);

	if (!k->finite)
		return 0;
	float *x = xalloc(d, sizeof *x);
	for (size_t i = 0; i < k->rows; i++) {
		if (!kept(k, i))
			continue;
		states_row(s, i, x);
		if (!states_finite(x, d))
			leave_out(k, i, &count);
		if (i % 4096 == 0)
			states_release(s);
	}
	free(x);
	return count;
}

struct kept kept_copy(const struct kept *k)
{
	struct kept copy = *k;

	if (k->gone)
		copy.gone = memcpy(xalloc(k->rows, 1), k->gone, k->rows);
	copy.words = NULL;
	return copy;
}

void kept_free(struct kept *k)
{
	free(k->gone);
	free(k->words);
	*k = (struct kept){0};
}
