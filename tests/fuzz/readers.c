/* The readers of files, as targets: each takes the path of a file, or of a folder. */
#include "fuzz.h"

#include "base/die.h"
#include "base/json.h"
#include "file/array.h"
#include "file/kept.h"
#include "file/labels.h"
#include "file/mapping.h"
#include "file/ready.h"
#include "file/sae.h"
#include "file/states.h"
#include "file/vocab.h"

#include <stdlib.h>
#include <string.h>

static struct archive *archive;

static void touch(const float *x, size_t n)
{
	volatile float sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = sum + x[i];
	(void)sum;
}

static void read_whole(const char *key)
{
	struct array a;

	archive_want(archive, key, &a);
	size_t n = array_count(&a);
	touch(array_floats(&a), n);
}

static void read_parts(const char *key)
{
	struct array a;
	struct array_parts *parts = array_parts_open(archive, key, &a);

	if (!parts)
		return;
	size_t n = array_count(&a);
	float *x = xalloc(n, sizeof *x);
	array_parts_read(parts, x, n / 2);
	array_parts_read(parts, x, n - n / 2);
	touch(x, n - n / 2);
	array_parts_close(parts);
}

static void read_states(const char *path);

static void read_archive(const char *path)
{
	size_t n;

	archive = archive_open(path);
	json_t *settings = archive_settings(archive);
	free(settings ? json_dumps(settings, 0) : NULL);
	char **key = archive_keys(archive, &n);
	attempt(read_whole, NULL);
	attempt(read_parts, NULL);
	for (size_t i = 0; i < n && i < 40; i++) {
		attempt(read_whole, key[i]);
		attempt(read_parts, key[i]);
		if (i < 4)
			attempt(read_states, xasprintf("%s:%s", path, key[i]));
	}
	archive_close(archive);
}

static void read_states(const char *path)
{
	struct states *s = states_open(&(struct list){1, &path},
		&(struct states_options){0});
	size_t d, n;

	for (size_t i = 2; i < 9 && !states_flatten(s, i); i++)
		;
	d = states_d(s);
	n = states_rows(s);
	if (d > 1 << 16)
		return;
	free(states_digest(s));
	float *x = xalloc(64 * sizeof *x, d);
	struct kept_tokens kept = {.rows = n, .finite = true};
	kept_finite(&kept, s);
	struct states_pass pass = {.states = s, .kept = &kept};
	while ((n = states_next(&pass, x, 64)) > 0)
		touch(x, n * d);
	kept_free(&kept);
	states_close(s);
}

static void read_mask(const char *path)
{
	struct kept_tokens kept;
	struct array a;

	archive_close(array_open_any(path, &a));
	kept_open(&kept, &(struct kept_options){.mask = path}, NULL, path, array_count(&a), NULL);
}

/* Three states of the SAE's length. */
static void encode_some(struct sae *s)
{
	struct encoder e = sae_encoder(s);
	struct encoded out = {0};
	uint32_t indptr[4];

	if (s->features > 1 << 14 || s->d > 1 << 14)
		return;
	if (e.pursuit.steps > 64)		/* whatever they lead to */
		e.pursuit.steps = 64;
	float *x = xalloc(3 * s->d, sizeof *x), *work = xalloc(encode_workspace(&e), sizeof *work);
	for (size_t i = 0; i < 3 * s->d; i++)
		x[i] = (float)(i * i % 7) - 2.5f;
	size_t hits = 1;
	for (out.indptr = indptr; hits > out.room; hits = encode(&out, x, &e, 3, work)) {
		out.room = hits;
		out.feature = xrealloc(out.feature, hits, 4);
		out.value = xrealloc(out.value, hits, 4);
		out.hit_token = xrealloc(out.hit_token, hits, 4);
		out.hit_feature = xrealloc(out.hit_feature, hits, 4);
		out.hit_value = xrealloc(out.hit_value, hits, 4);
	}
	for (size_t i = 0; i < hits; i++)
		if (out.feature[i] >= s->features)
			abort();
	touch(out.value, hits);
}

static void read_encoder(const char *path)
{
	encode_some(sae_open(path, SAE_W_ENC | SAE_RULE, NULL));
}

static void read_told(const char *path)
{
	struct sae_options o = {.b_dec = 1, .k = 2, .input_scale = 2, .residual = .5};

	encode_some(sae_open(path, SAE_W_ENC | SAE_RULE, &o));
}

static void read_named(const char *path)
{
	struct sae_options o = {.b_dec = 0, .residual = .5};
	size_t n = 0;

	while (sae_dialects[n].name)
		n++;
	o.encoder = sae_dialects[below(n)].name;
	encode_some(sae_open(path, SAE_W_ENC | SAE_RULE, &o));
}

static void read_decoder(const char *path)
{
	struct sae *s = sae_open(path, SAE_W_DEC | SAE_BIAS | SAE_DECODES, NULL);

	touch(s->w_dec, s->features * s->d_out);
	if (s->b_dec)
		touch(s->b_dec, s->d_out);
	sae_close(s);
	struct sae_options o = {.b_dec = -1, .residual = -1, .to_layer = "0"};
	sae_close(sae_open(path, SAE_W_DEC, &o));
}

static void read_sae(const char *path)
{
	attempt(read_decoder, path);
	attempt(read_told, path);
	attempt(read_named, path);
	read_encoder(path);
}

static void hit(uint32_t feature, float value, void *n)
{
	*(size_t *)n += feature + (value > 0);
}

static void read_ready(const char *path)
{
	struct ready *r = ready_open(&(struct ready_options){.values = {1, &path}, .context = 3});
	size_t n = 0, tokens = ready_tokens(r);

	for (size_t t = 0; t < tokens && t < 4096; t++)
		ready_token(r, t, hit, &n);
	if (tokens <= 4096)
		ready_end(r);
	ready_close(r);
}

static void read_file(const char *path)
{
	attempt(read_mask, path);
	attempt(read_sae, path);
	attempt(read_states, path);
	attempt(read_ready, path);
	read_archive(path);
}

static void read_json(const char *path)
{
	struct mapping *m = xcalloc(1, sizeof *m);

	mapping_open(m, path, NULL);
	char *text = xalloc(m->n + 1, 1);
	memcpy(text, m->bytes, m->n);
	text[m->n] = '\0';
	struct json j = {.name = "x", .text = text, .at = text}, again = j;
	struct span whole = json_value(&j);
	json_end(&j);
	json_t *tree = json_tree(&again);
	free(json_dumps(tree, JSON_ENCODE_ANY));
	if (*whole.text == '"')
		json_decode(xalloc(whole.n, 1), whole);
	if (*whole.text == '{')
		free(json_with(whole.text, "weight", "1"));
}

static void read_vocab(const char *path)
{
	struct vocab v = vocab_open(path, (enum marks)below(MARKS_NONE + 1));
	volatile size_t length = 0;

	for (size_t i = 0; i < v.n; i++)
		if (vocab_text(&v, (uint32_t)i))
			length = length + strlen(vocab_text(&v, (uint32_t)i));
	vocab_close(&v);
}

static void read_labels(const char *path)
{
	struct labels *l = labels_open(path);
	volatile size_t length = 0;

	for (uint32_t i = 0; i < 9; i++) {
		const char *text = labels_find(l, i % 2 ? "3" : "12", i);
		if (text)
			length = length + strlen(text);
	}
	labels_tell(l, "x", below(2));
	labels_close(l);
}

TARGET(npy, read_file, false)
TARGET(npz, read_file, false)
TARGET(safetensors, read_file, false)
TARGET(pt, read_file, false)
TARGET(cfg, read_sae, true)
TARGET(delphi, read_ready, true)
TARGET(json, read_json, false)
TARGET(vocab, read_vocab, false)
TARGET(labels, read_labels, false)
