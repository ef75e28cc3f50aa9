/* Which row of the table a file is. */
#include "file/sae_dialect.h"

#include "base/die.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct found {
	struct archive *file;
	char **key;
	size_t n;
	char *suffix;			/* "_12" when there is a W_enc_12, else "" */
	const char *prefix;
	const struct sae_config *cfg;
};

static bool holds(const struct found *f, const char *key)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->key[i], key) == 0)
			return true;
	return false;
}

/* The name of the first of "a|b" that is there, to free(). */
static char *full_name(const struct found *f, const char *names)
{
	for (const char *at = names; ; at++) {
		size_t n = strcspn(at, "|");
		char *name = xasprintf("%s%.*s%s", f->prefix, (int)n, at, f->suffix);
		if (holds(f, name))
			return name;
		free(name);
		if (!at[n])
			return NULL;
		at += n;
	}
}

static bool has(const struct found *f, const char *names)
{
	char *name = full_name(f, names);

	free(name);
	return name;
}

/* -- What the file holds ----------------------------------------------------------------------- */

static void look(struct found *f)
{
	static const char *const wrapper[] = {"state_dict.", "model_state_dict.", "sae.", "ae.",
		"autoencoder.", "transcoder.", "module.", "model.", "_orig_mod."};

	f->key = archive_keys(f->file, &f->n);
	f->suffix = xasprintf("%s", "");
	f->prefix = "";
	for (size_t i = 0; i < f->n; i++) {
		const char *k = f->key[i];
		size_t digits = strncmp(k, "W_enc_", 6) == 0 ? strspn(k + 6, "0123456789") : 0;
		if (digits > 0 && !k[6 + digits]) {
			free(f->suffix);
			f->suffix = xasprintf("%s", k + 5);
		}
		for (size_t w = 0; w < sizeof wrapper / sizeof *wrapper; w++)
			if (strncmp(k, wrapper[w], strlen(wrapper[w])) == 0 && !*f->prefix)
				f->prefix = wrapper[w];
	}
}

/* "W_enc, W_dec, b_enc and 3 more" */
static char *keys_found(const struct found *f)
{
	enum { MOST = 12 };
	char *text = xasprintf("%s", f->n == 0 ? "no named array" : "");

	for (size_t i = 0; i < f->n && i < MOST; i++) {
		char *longer = xasprintf("%s%s%s", text, i ? ", " : "", f->key[i]);
		free(text);
		text = longer;
	}
	if (f->n > MOST) {
		char *longer = xasprintf("%s and %zu more", text, f->n - MOST);
		free(text);
		text = longer;
	}
	return text;
}

/* -- Does a row fit? --------------------------------------------------------------------------- */

static bool is_word(const char *words, char between, const char *word)
{
	size_t n = strlen(word);

	for (; words && *words; words += strcspn(words, (char[]){between, 0}), words += *words != 0)
		if (strcspn(words, (char[]){between, 0}) == n && strncmp(words, word, n) == 0)
			return true;
	return false;
}

/* Of "a b c", how many are there; *first is the first that is not. */
static size_t count_words(const struct found *f, const char *words, const char **absent)
{
	size_t there = 0;
	char word[80];

	for (; words && *words; words += strcspn(words, " "), words += *words == ' ') {
		snprintf(word, sizeof word, "%.*s", (int)strcspn(words, " "), words);
		if (has(f, word))
			there++;
		else if (absent && !*absent)
			*absent = words;
	}
	return there;
}

/* The first key that the row needs and the file lacks; NULL for none. *there: how many it has. A
 * file of one layer of several need not hold the decoder; a .npy is a decoder. */
static const char *lacks(const struct found *f, const struct dialect *d, size_t *there)
{
	const char *absent = NULL;

	*there = 0;
	for (size_t i = 0; i < SAE_KEYS; i++) {
		if (!d->key[i] || (i == KEY_W_DEC && *f->suffix))
			continue;
		if (has(f, d->key[i]))
			++*there;
		else if (!absent && !(f->n == 0 && strcmp(d->name, "itda") == 0))
			absent = d->key[i];
	}
	*there += count_words(f, d->with, &absent);
	return absent;
}

static unsigned bare_format(const struct found *f)
{
	if (f->n == 0)
		return BARE_NPY;
	if (archive_pickled(f->file))
		return BARE_PT;
	return archive_zipped(f->file) ? BARE_NPZ : BARE_SAFETENSORS;
}

static bool fits_settings(const struct found *f, const struct dialect *d)
{
	if (f->cfg->kind == CONFIG_NONE)
		return d->bare & bare_format(f);
	return (d->configs & f->cfg->kind)
		&& (!d->kinds || is_word(d->kinds, '|', f->cfg->kind_of_sae));
}

/* A dictionary without an encoder is one that has no bias for it, either. */
static bool fits_keys(const struct found *f, const struct dialect *d)
{
	size_t there;

	return !lacks(f, d, &there) && (d->key[KEY_W_ENC] || !has(f, "W_enc|w_enc|b_enc"));
}

/* -- Lengths ----------------------------------------------------------------------------------- */

/* Shape without the numbers; false when there is none. */
static bool shape_of(const struct found *f, const char *names, struct array *a)
{
	char *name = names ? full_name(f, names) : NULL;
	struct array_parts *parts = name ? array_parts_open(f->file, name, a) : NULL;

	if (parts && a->rank == 0)
		die("%s:%s: one number where an SAE has more", archive_name(f->file), name);
	free(name);
	if (!parts)
		return false;
	array_parts_close(parts);
	return true;
}

/* "W_enc|w_enc: ..." without what follows the bar, to free(). */
static char *about(const char *names, const char *format, size_t a, size_t b, size_t c)
{
	char *rest = xasprintf(format, a, b, c);
	char *text = xasprintf("%.*s: %s", (int)strcspn(names, "|"), names, rest);

	free(rest);
	return text;
}

static const char rank_line[] = "%zu dimensions where an SAE has %zu";

/* The shapes of a row's arrays, no rank where there is none. */
struct shapes {
	struct array enc, dec, bias;
};

static struct shapes shapes_of(const struct found *f, const struct dialect *d)
{
	struct shapes s = {0};
	char gate[80];

	shape_of(f, d->key[KEY_W_ENC], &s.enc);
	if (!shape_of(f, d->key[KEY_W_DEC], &s.dec) && f->n == 0)
		archive_find(f->file, NULL, &s.dec);
	snprintf(gate, sizeof gate, "%.*s", d->with ? (int)strcspn(d->with, " ") : 0,
		d->with ? d->with : "");
	if (!shape_of(f, d->key[KEY_B_ENC], &s.bias) && d->architecture == SAE_GATED)
		shape_of(f, gate, &s.bias);
	return s;
}

/* Sets d and features by the row's arrays; false where they contradict it, *why says how. */
static bool measure(const struct found *f, const struct dialect *d, struct sae_layout *l,
	char **why)
{
	struct shapes s = shapes_of(f, d);
	const char *enc = d->key[KEY_W_ENC], *dec = d->key[KEY_W_DEC];
	size_t rank = d->stacked ? 3 : 2, of_enc = d->turned[0] ? 0 : rank - 1;
	size_t of_dec = d->turned[1] || d->models_first;

	if (s.enc.rank > 0 && s.enc.rank != rank)
		*why = about(enc, rank_line, s.enc.rank, rank, 0);
	else if (s.dec.rank > 0 && (d->models_first || s.dec.rank != 2)
			&& (s.dec.rank != 3 || d->turned[1]))
		*why = about(dec ? dec : "", rank_line, s.dec.rank, d->models_first ? 3 : 2, 0);
	if (*why)
		return false;
	l->features = s.bias.rank > 0 ? array_count(&s.bias)
		: s.enc.rank > 0 ? s.enc.shape[of_enc] : s.dec.shape[of_dec];
	l->d = l->features == 0 ? 0
		: array_count(s.enc.rank > 0 ? &s.enc : &s.dec) / l->features;
	if (s.enc.rank > 0 && s.enc.shape[of_enc] != l->features)
		*why = about(enc, "dimension %zu is %zu, not %zu", of_enc, s.enc.shape[of_enc],
			l->features);
	else if (s.dec.rank == 3 && s.dec.shape[of_dec] != l->features)
		*why = about(dec, rank_line, s.dec.rank, 2, 0);
	else if (s.dec.rank > 0 && s.dec.shape[of_dec] != l->features)
		*why = about(dec ? dec : "", "dimension %zu is %zu, not %zu", of_dec,
			s.dec.shape[of_dec], l->features);
	else if (l->features == 0 || l->d == 0)
		*why = xasprintf("an SAE of %zu features of %zu dimensions", l->features, l->d);
	return !*why;
}

/* -- What is said when none fits --------------------------------------------------------------- */

/* The names of the rows for which `of` is true, "a, b, c", to free(). */
static char *names_of(const struct found *f,
	bool (*of)(const struct found *, const struct dialect *))
{
	char *text = xasprintf("%s", "");

	for (const struct dialect *d = sae_dialects; d->name; d++)
		if (of(f, d)) {
			char *longer = xasprintf("%s%s%s", text, *text ? ", " : "", d->name);
			free(text);
			text = longer;
		}
	return text;
}

/* By keys and shapes, whatever the settings are. */
static bool could_be(const struct found *f, const struct dialect *d)
{
	struct sae_layout l = {0};
	char *why = NULL;
	bool fits = fits_keys(f, d) && count_words(f, d->without, NULL) == 0 && !d->refused
		&& measure(f, d, &l, &why);

	free(why);
	return fits;
}

static bool of_this_writer(const struct found *f, const struct dialect *d)
{
	return d->configs & f->cfg->kind;
}

static const struct dialect *nearest_by_keys(const struct found *f)
{
	const struct dialect *best = sae_dialects;
	size_t most = 0, there;

	for (const struct dialect *d = sae_dialects; d->name; d++) {
		lacks(f, d, &there);
		if (there > most) {
			most = there;
			best = d;
		}
	}
	return best;
}

/* No row has all of its keys here: the nearest, of the settings' writer if it is one. */
static _Noreturn void die_without_key(const struct found *f)
{
	const struct dialect *d = nearest_by_keys(f);
	size_t there;

	for (const struct dialect *r = sae_dialects; r->name; r++)
		if (f->cfg->kind != CONFIG_NONE && fits_settings(f, r)) {
			d = r;
			break;
		}
	const char *key = lacks(f, d, &there);
	if (!key)
		key = d->without ? d->without : "W_enc";
	if (d->refused)
		die("%s: %s (%s) %s", archive_name(f->file), d->name, d->from, d->refused);
	die("%s: no %.*s: not an SAE of a known layout: it holds %s; the nearest is %s (%s); "
		"act-import reads the activations of any encoder", archive_name(f->file),
		(int)strcspn(key, "| "), key, keys_found(f), d->name, d->from);
}

/* Rows have all of their keys here, and nothing chooses among them. */
static _Noreturn void die_undecided(const struct found *f)
{
	const char *file = archive_name(f->file);
	char *names = names_of(f, could_be), *keys = keys_found(f);

	if (f->cfg->kind == CONFIG_NONE)
		die("%s: it holds %s, and no settings beside it say which of these it is: %s: "
			"--encoder NAME", file, keys, names);
	for (const struct dialect *d = sae_dialects; d->name; d++) {
		const char *there = d->without;
		if (!fits_settings(f, d) || !fits_keys(f, d) || count_words(f, there, NULL) == 0)
			continue;
		while (count_words(f, there, &(const char *){NULL}) > 0
				&& !has(f, xasprintf("%.*s", (int)strcspn(there, " "), there)))
			there += strcspn(there, " ") + 1;
		die("%s: architecture '%s' in %s, and the file holds %.*s, which that does not "
			"take: --encoder %s leaves it out; by its keys the file can be %s", file,
			f->cfg->kind_of_sae, f->cfg->path, (int)strcspn(there, " "), there,
			d->name, names);
	}
	die("%s: architecture '%s' in %s, %s settings: of these, %s are known; by its keys (%s) "
		"the file can be %s: --encoder NAME", file, f->cfg->kind_of_sae, f->cfg->path,
		sae_config_writer(f->cfg->kind), names_of(f, of_this_writer), keys, names);
}

/* -- The choice -------------------------------------------------------------------------------- */

static const struct dialect *named(const struct found *f, const char *name)
{
	const char *key;
	size_t there;

	for (const struct dialect *d = sae_dialects; d->name; d++)
		if (strcmp(d->name, name) == 0) {
			if ((key = lacks(f, d, &there)))
				die("%s: no %.*s, which --encoder %s needs: it holds %s",
					archive_name(f->file), (int)strcspn(key, "| "), key, name,
					keys_found(f));
			return d;
		}
	die("--encoder %s: there is none of that name; by its keys %s can be %s", name,
		archive_name(f->file), names_of(f, could_be));
}

/* Of the rows that keys and settings allow, the first with these shapes; where none has them, the
 * last row says what is wrong. With as many features as dimensions the shapes do not tell how W_enc
 * lies. */
static const struct dialect *chosen(const struct found *f, struct sae_layout *l)
{
	const struct dialect *first = NULL;
	char *why = NULL;
	struct sae_layout tried;
	bool other = false;		/* could it be of settings that are not there? */

	for (const struct dialect *d = sae_dialects; d->name; d++) {
		if (!fits_keys(f, d) || !fits_settings(f, d) || count_words(f, d->without, NULL))
			continue;
		free(why);
		why = NULL;
		if (d->refused && !first)
			return d;
		if (!measure(f, d, &tried, &why))
			continue;
		if (first && d->turned[0] != first->turned[0])
			die("%s: %zu features of %zu dimensions: does W_enc have a row (%s) or a "
				"column (%s) for each? --encoder NAME", archive_name(f->file),
				tried.features, tried.d,
				d->turned[0] ? d->name : first->name,
				d->turned[0] ? first->name : d->name);
		if (!first) {
			first = d;
			*l = tried;
		}
	}
	bool open = !first && why && f->cfg->kind == CONFIG_NONE;
	for (const struct dialect *d = sae_dialects; open && d->name; d++)
		other |= could_be(f, d);
	if (!first && why && !other)
		die("%s:%s", archive_name(f->file), why);
	free(why);
	return first;
}

struct sae_layout sae_layout_of(struct archive *file, const struct sae_config *cfg,
	const char *encoder)
{
	struct found f = {.file = file, .cfg = cfg};
	struct sae_layout l = {0};
	char *why = NULL;
	bool any = false, wanted = false;

	look(&f);
	const struct dialect *d = encoder ? named(&f, encoder) : chosen(&f, &l);
	for (const struct dialect *r = sae_dialects; r->name; r++)
		any |= cfg->kind == CONFIG_NONE ? could_be(&f, r) : fits_keys(&f, r);
	for (const struct dialect *r = sae_dialects; r->name && !d; r++)
		wanted |= cfg->kind != CONFIG_NONE && fits_settings(&f, r) && !fits_keys(&f, r);
	if (!d && any && !wanted)
		die_undecided(&f);
	if (!d)
		die_without_key(&f);
	if (d->refused)
		die("%s: %s (%s) %s", archive_name(file), d->name, d->from, d->refused);
	if (!measure(&f, d, &l, &why))
		die("%s:%s", archive_name(file), why);
	l.dialect = d;
	for (size_t i = 0; i < SAE_KEYS; i++)
		l.key[i] = d->key[i] ? full_name(&f, d->key[i]) : NULL;
	l.prefix = xasprintf("%s", f.prefix);
	l.suffix = f.suffix;
	for (size_t i = 0; i < f.n; i++)
		free(f.key[i]);
	free(f.key);
	return l;
}

void sae_layout_free(struct sae_layout *l)
{
	for (size_t i = 0; i < SAE_KEYS; i++)
		free(l->key[i]);
	free(l->prefix);
	free(l->suffix);
}

char *sae_layout_key(const struct sae_layout *l, struct archive *file, const char *names)
{
	struct found f = {.file = file, .suffix = l->suffix, .prefix = l->prefix};
	char *name;

	f.key = archive_keys(file, &f.n);
	name = full_name(&f, names);
	for (size_t i = 0; i < f.n; i++)
		free(f.key[i]);
	free(f.key);
	return name;
}
