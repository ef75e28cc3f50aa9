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

static void leave_out(struct kept_tokens *k, size_t row, size_t *count)
{
	*count += kept(k, row);
	if (!k->gone)
		k->gone = xcalloc(k->rows, sizeof *k->gone);
	k->gone[row] = 1;
}

static void tell(const struct kept_options *o, size_t count, const char *option)
{
	note("%zu tokens are left out%s by %s", count, o->estimates ? " of the estimates" : "",
		option);
}

/* The array has to be of as many tokens as there are. */
static void want_rows(const char *file, const struct array *a, const char *format,
	const struct states *s, size_t rows)
{
	char *text = array_count(a) == rows ? NULL : xasprintf(format, array_count(a), rows);

	if (text)
		die("%s: %s%s", file, text, s ? states_ways(s) : "");
}

static void apply_mask(struct kept_tokens *k, const struct kept_options *o,
	const struct states *s)
{
	const char *file = o->mask;
	struct array a;
	struct archive *f = array_open_any(file, &a);
	const uint8_t *mask = a.data;
	size_t count = 0;

	if (a.dtype != SM_U1)
		die("%s: a mask is of type bool or u1: 1 for a token to keep, else 0", file);
	want_rows(file, &a, "of %zu tokens, where there are %zu", s, k->rows);
	for (size_t i = 0; i < k->rows; i++)
		if (mask[i] > 1)
			die("%s: number %zu is %d: a mask is of 1, a token to keep, and 0", file, i,
				mask[i]);
		else if (mask[i] == 0)
			leave_out(k, i, &count);
	archive_close(f);
	tell(o, count, "--mask");
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

static void apply_ids(struct kept_tokens *k, const struct kept_options *o,
	const struct array *vocab)
{
	size_t n, count = 0;
	double *id = read_ids(o->skip_ids, &n);

	for (size_t i = 0; i < k->rows; i++) {
		double x = sm_to_double(vocab->data, vocab->dtype, i);
		for (size_t j = 0; j < n; j++)
			if (x == id[j]) {
				leave_out(k, i, &count);
				break;
			}
	}
	free(id);
	tell(o, count, "--skip-ids");
}

/* Takes the ids of --tokens where none are given. */
static void look_at_ids(struct kept_tokens *k, const struct kept_options *o, const char *name,
	const struct states *s, const struct array *vocab)
{
	struct array own;
	struct archive *f = vocab || !o->tokens ? NULL : array_open(o->tokens, &own);

	if (f)
		vocab = &own;
	if (vocab)
		want_rows(o->tokens ? o->tokens : name, vocab,
			"%zu vocabulary ids, where there are %zu tokens", s, k->rows);
	if (o->skip_ids)
		apply_ids(k, o, vocab);
	if (f)
		archive_close(f);
}

void kept_open(struct kept_tokens *k, const struct kept_options *o, const struct states *s,
	const char *name, size_t rows, const struct array *vocab)
{
	size_t count = 0;

	*k = (struct kept_tokens){.rows = rows, .context = o->context, .skip = o->skip,
		.finite = o->finite};
	if (o->mask)
		apply_mask(k, o, s);
	look_at_ids(k, o, name, s, vocab);
	if (s)
		states_settle(s, o->context, o->counted || vocab || o->tokens || o->mask);
	if (k->context > 0 && rows % k->context > 0)
		die("%s: %zu tokens are not whole sequences of %zu (--context)", name, rows,
			k->context);
	for (size_t i = 0; k->gone && i < rows; i++)
		count += k->gone[i];
	if (count > 0)
		k->words = xasprintf("%zu tokens #%016llx", count,
			(unsigned long long)XXH64(k->gone, rows, 0));
}

bool kept_given(const struct kept_options *o)
{
	return o->context > 0 || o->skip > 0 || o->mask || o->tokens || o->finite;
}

/* "all", "all but the first 1 of every 128 and 17 tokens #...", to free() */
static char *kept_text(size_t context, size_t skip, const char *words)
{
	char *first = skip > 0 ? xasprintf("the first %zu of every %zu", skip, context) : NULL;
	char *text = !first && !words ? xasprintf("all") : xasprintf("all but %s%s%s",
		first ? first : "", first && words ? " and " : "", words ? words : "");

	free(first);
	return text;
}

void kept_compare(const struct kept_tokens *k, const char *name, const struct sm_frame *header)
{
	if (!sm_find_field(header, "skip"))
		return;
	char *its = kept_text(sm_get_size(header, "context"), sm_get_size(header, "skip"),
		sm_get_string(header, "without", NULL));
	char *ours = kept_text(k->context, k->skip, k->words);
	if (strcmp(its, ours) != 0)
		note("%s: its tokens are %s, the estimates are of %s: act-dump and refproj take "
			"the same --skip, --mask and --skip-ids", name, its, ours);
	free(its);
	free(ours);
}

size_t kept_finite(struct kept_tokens *k, const struct states *s)
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

struct kept_tokens kept_copy(const struct kept_tokens *k)
{
	struct kept_tokens copy = *k;

	if (k->gone)
		copy.gone = memcpy(xalloc(k->rows, 1), k->gone, k->rows);
	copy.words = NULL;
	return copy;
}

void kept_free(struct kept_tokens *k)
{
	free(k->gone);
	free(k->words);
	*k = (struct kept_tokens){0};
}
