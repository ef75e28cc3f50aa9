/* Readers of files, again and again in this process, on files that were changed.
 *
 *	fuzz READER TIMES SEED FILE...	TIMES changes of FILEs, which SEED chooses; of 0, FILEs as
 *					they are
 *
 * A FILE is the files of a folder, of each "NAME LENGTH\n" and its bytes: tests/oracle/fuzz.py
 * makes them. What a reader takes and what it refuses is well, and is counted; a crash, what a
 * sanitizer finds, and ten seconds are not: the folder fuzz-... is left with what was read then.
 *
 * With -DLIBFUZZER the program is clang's libFuzzer, and READER is FUZZ in the environment. */
#include "base/die.h"
#include "base/json.h"
#include "file/array.h"
#include "file/kept.h"
#include "file/labels.h"
#include "file/mapping.h"
#include "file/ready.h"
#include "file/sae.h"
#include "file/states.h"
#include "file/zip.h"
#include "file/vocab.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PARTS = 4, ROOM = 1 << 18, SECONDS = 10, FILES = 64 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed);
const char *__asan_default_options(void);

static uint64_t dice;

static size_t below(size_t n)
{
	uint64_t z = dice += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return n > 0 ? (size_t)((z ^ z >> 31) % n) : 0;
}

/* -- What die() leaves behind ------------------------------------------------------------------ */

static jmp_buf *back;
static char refusal[1024];
static size_t kinds;
static uint8_t seen[1 << 16];

/* Lines that differ in more than numbers are of different kinds. */
static void refuse(int status, const char *line)
{
	uint32_t h = 2166136261;

	(void)status;
	if (!back)
		return;
	snprintf(refusal, sizeof refusal, "%s", line);
	for (const char *c = line; *c; c++)
		if (*c < '0' || *c > '9')
			h = (h ^ (unsigned char)*c) * 16777619;
	kinds += !seen[h % sizeof seen];
	seen[h % sizeof seen] = 1;
	longjmp(*back, 1);
}

/* Does the step come to its end? */
static bool attempt(void (*step)(const char *), const char *path)
{
	jmp_buf here;
	jmp_buf *const volatile before = back;
	volatile bool fine = false;

	back = &here;
	if (setjmp(here) == 0) {
		step(path);
		fine = true;
	}
	back = before;
	return fine;
}

/* The blocks that are allocated within a run, in a hash table: with the sanitizers only. */
enum { SLOTS = 1 << 21 };
static const volatile void *slot[SLOTS];
static uint32_t taken[SLOTS];
static size_t takens;
static bool within;
static bool ours[FILES];		/* descriptors that were free at first */

static size_t place_of(const volatile void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15 >> 40) % SLOTS;
}

static void on_malloc(const volatile void *p, size_t n)
{
	size_t at = place_of(p);

	(void)n;
	if (!within || !p || takens == SLOTS / 2)
		return;
	while (slot[at])
		at = (at + 1) % SLOTS;
	slot[at] = p;
	taken[takens++] = (uint32_t)at;
}

/* The place of a block that is gone stays taken until the run ends. */
static void on_free(const volatile void *p)
{
	static const char gone;

	for (size_t at = place_of(p); within && p && slot[at]; at = (at + 1) % SLOTS)
		if (slot[at] == p) {
			slot[at] = &gone;
			return;
		}
}

int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
	void (*)(const volatile void *)) __attribute__((weak));
int __sanitizer_get_ownership(const volatile void *) __attribute__((weak));

const char *__asan_default_options(void)
{
	return "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=512:"
		"quarantine_size_mb=16";
}

static void give_back(void)
{
	mapping_close_all();
	within = false;
	for (size_t i = 0; i < takens; i++) {
		const volatile void *p = slot[taken[i]];
		if (__sanitizer_get_ownership(p))
			free((void *)(uintptr_t)p);
		slot[taken[i]] = NULL;
	}
	takens = 0;
	for (int fd = 0; fd < FILES; fd++)
		if (ours[fd])
			close(fd);
}

/* -- The readers: each takes the path of a file, or of a folder -------------------------------- */

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

static const struct reader {
	const char *name;
	void (*read)(const char *path);
	bool folder;			/* takes it, not its first file */
} readers[] = {
	{"npy", read_file, false}, {"npz", read_file, false}, {"safetensors", read_file, false},
	{"pt", read_file, false}, {"cfg", read_sae, true}, {"delphi", read_ready, true},
	{"json", read_json, false}, {"vocab", read_vocab, false},
	{"labels", read_labels, false}, {0}
};
static const struct reader *reader = readers;

/* -- The files of an input --------------------------------------------------------------------- */

struct part {
	char name[64];
	const uint8_t *bytes;
	size_t n;
};

struct input {
	struct part part[PARTS];
	size_t parts;
};

static bool unpack(struct input *in, const uint8_t *bytes, size_t n)
{
	for (in->parts = 0; n > 0 && in->parts < PARTS; in->parts++) {
		struct part *p = &in->part[in->parts];
		const uint8_t *line = memchr(bytes, '\n', n < 99 ? n : 99);
		char head[100] = "";
		if (!line)
			return false;
		memcpy(head, bytes, (size_t)(line - bytes));
		if (sscanf(head, "%63[A-Za-z0-9_.] %zu", p->name, &p->n) != 2
				|| strspn(p->name, ".") == strlen(p->name)
				|| p->n > n - (size_t)(line + 1 - bytes))
			return false;
		p->bytes = line + 1;
		n -= (size_t)(line + 1 - bytes) + p->n;
		bytes = line + 1 + p->n;
	}
	return in->parts > 0;
}

/* 0: it has no room. */
static size_t pack(uint8_t *to, size_t most, const struct input *in)
{
	size_t n = 0;

	for (size_t i = 0; i < in->parts; i++) {
		const struct part *p = &in->part[i];
		if (most - n < sizeof p->name + 24 || p->n > most - n - sizeof p->name - 24)
			return 0;
		n += (size_t)sprintf((char *)to + n, "%s %zu\n", p->name, p->n);
		memcpy(to + n, p->bytes, p->n);
		n += p->n;
	}
	return n;
}

static char folder[] = "fuzz-XXXXXX";

static void file_path(char path[128], const struct part *p)
{
	snprintf(path, 128, "%s/%s", folder, p->name);
}

static void write_part(const struct part *p)
{
	char path[128];

	file_path(path, p);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(p->bytes, 1, p->n, f) != p->n || fclose(f) != 0)
		abort();
}

static size_t runs, reads;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input in;
	char path[128];

	if (!unpack(&in, bytes, n))
		return 0;
	for (size_t i = 0; i < in.parts; i++)
		write_part(&in.part[i]);
	if (reader->folder)
		strcpy(path, folder);
	else
		file_path(path, &in.part[0]);
	for (size_t i = dice = 0; i < n; i++)		/* which read_named() asks */
		dice = 31 * dice + bytes[i];
	within = true;
	*refusal = '\0';
	runs++;
	reads += attempt(reader->read, path);
	give_back();
	for (size_t i = 0; i < in.parts; i++) {
		file_path(path, &in.part[i]);
		unlink(path);
	}
	return 0;
}

static void remove_folder(void)
{
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ");

	(void)argc, (void)argv;
	while (reader->name && name && strcmp(reader->name, name) != 0)
		reader++;
	if (!reader->name || !mkdtemp(folder))
		die("no reader %s", name ? name : "");
	atexit(remove_folder);
	for (int fd = 0; fd < FILES; fd++)
		ours[fd] = fcntl(fd, F_GETFD) < 0;
	setenv("TZ", "UTC0", 1);	/* libc keeps it, and would free it */
	tzset();
	quiet = true;
	die_handler = refuse;
	if (__sanitizer_install_malloc_and_free_hooks)
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	else
		setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)1 << 31, (rlim_t)1 << 31});
	return 0;
}

/* -- Changes ----------------------------------------------------------------------------------- */

#define WORD(text) {text, sizeof text - 1}
static const struct word {
	const char *text;
	size_t n;
} numbers[] = {
	WORD("0"), WORD("1"), WORD("2"), WORD("3"), WORD("4"), WORD("24"), WORD("-1"), WORD("255"),
	WORD("4294967295"), WORD("4294967296"), WORD("9223372036854775807"),
	WORD("9223372036854775808"), WORD("18446744073709551615"), WORD("6148914691236517206"),
	WORD("1e400"), WORD("1e-400"), WORD("1e38"), WORD("1e300"), WORD("-0.0"), WORD("0.5"),
	WORD("NaN"), WORD("null"), WORD("true"), WORD("\"x\""), WORD("[]"), WORD("{}"), WORD(""),
}, words[] = {
	WORD("W_enc"), WORD("W_dec"), WORD("b_enc"), WORD("b_dec"), WORD("threshold"),
	WORD("log_threshold"), WORD("k"), WORD("encoder.weight"), WORD("encoder.bias"),
	WORD("decoder.weight"), WORD("bias"), WORD("b_gate"), WORD("b_mag"), WORD("r_mag"),
	WORD("W_enc_7"), WORD("W_dec_7"), WORD("state_dict"), WORD("architecture"), WORD("atoms"),
	WORD("topk"), WORD("jumprelu"), WORD("batchtopk"), WORD("matching_pursuit"), WORD("gated"),
	WORD("activation_fn_str"), WORD("apply_b_dec_to_input"), WORD("normalize_activations"),
	WORD("layer_norm"), WORD("rescale_acts_by_decoder_norm"), WORD("max_iterations"),
	WORD("residual_threshold"), WORD("norm_activation"), WORD("dataset-wise"), WORD("act_fn"),
	WORD("dict_class"), WORD("transcode"), WORD("num_latents"), WORD("locations"),
	WORD("activations"), WORD("tokens"), WORD("F32"), WORD("BF16"), WORD("BOOL"), WORD("I64"),
	WORD("U8"), WORD("F64"), WORD("dtype"), WORD("shape"), WORD("data_offsets"),
	WORD("__metadata__"), WORD("<f4"), WORD("<f8"), WORD("<f2"), WORD("|b1"), WORD("|V2"),
	WORD("'descr'"), WORD("'shape'"), WORD("'fortran_order': True"), WORD(".npy"),
	WORD("PK\1\2"), WORD("PK\3\4"), WORD("PK\5\6"), WORD("PK\6\6"), WORD("PK\6\7"),
	WORD("\x93NUMPY\1\0"), WORD("/data.pkl"), WORD("/data/0"), WORD("byteorder"),
	WORD("ctorch._utils\n_rebuild_tensor_v2\n"), WORD("ctorch._utils\n_rebuild_parameter\n"),
	WORD("ctorch\nFloatStorage\n"), WORD("ctorch\nBoolStorage\n"), WORD("cx\ny\n"),
	WORD("ccollections\nOrderedDict\n"), WORD("h\0"), WORD("h\1"), WORD("q\0"), WORD("q\1"),
	WORD("\x94"), WORD("}"), WORD("]"), WORD(")"), WORD("("), WORD("t"), WORD("u"), WORD("s"),
	WORD("e"), WORD("a"), WORD("R"), WORD("Q"), WORD("b"), WORD("N"), WORD("0"), WORD("1"),
	WORD("2"), WORD("\x85"), WORD("\x86"), WORD("\x87"), WORD("\x88"), WORD("K\0"),
	WORD("M\xff\xff"), WORD("J\xff\xff\xff\xff"), WORD("\x8a\x08\0\0\0\0\0\0\0\x80"),
	WORD("G\x7f\xf0\0\0\0\0\0\0"), WORD("X\1\0\0\0k"), WORD("X\6\0\0\0config"),
	WORD("\\u0000"), WORD("\\ud800"), WORD("\xc2\x9b"), WORD("\xff"), WORD("\33["), WORD("\n"),
	WORD(": "), WORD(","), WORD("\""), WORD("["), WORD("{"),
};
#define SOME(list) list[below(sizeof list / sizeof *list)]

/* The bytes from a to b become a word: how many there are then. */
static size_t put_word(uint8_t *bytes, size_t n, size_t most, size_t a, size_t b, struct word w)
{
	if (n - (b - a) + w.n > most)
		return n;
	memmove(bytes + a + w.n, bytes + b, n - b);
	memcpy(bytes + a, w.text, w.n);
	return n - (b - a) + w.n;
}

static size_t put_number(uint8_t *bytes, size_t n, size_t most, size_t at)
{
	size_t end;

	while (at < n && (bytes[at] < '0' || bytes[at] > '9'))
		at++;
	for (end = at; end < n && bytes[end] >= '0' && bytes[end] <= '9'; end++)
		;
	return put_word(bytes, n, most, at, end, SOME(numbers));
}

static size_t alter_once(uint8_t *bytes, size_t n, size_t most)
{
	static const uint64_t integers[] = {0, 1, 2, 3, 4, 127, 128, 255, 65535, 65536, INT32_MAX,
		(uint64_t)INT32_MAX + 1, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX,
		(uint64_t)INT64_MAX + 1, UINT64_MAX, UINT64_MAX - 7};
	size_t at = below(n), length = 1 + below(below(4) ? 8 : n), width = (size_t)1 << below(4);
	uint8_t copy[256];

	if (n == 0)
		return put_word(bytes, n, most, 0, 0, SOME(words));
	length = length < n - at ? length : n - at;
	switch (below(9)) {
	case 0:
		bytes[at] ^= (uint8_t)(1 << below(8));
		return n;
	case 1:
		bytes[at] = (uint8_t)below(256);
		return n;
	case 2:
		if (width <= n - at)
			memcpy(bytes + at, &SOME(integers), width);
		return n;
	case 3:
		memmove(bytes + at, bytes + at + length, n - at - length);
		return n - length;
	case 4:
		length = length < sizeof copy ? length : sizeof copy;
		memcpy(copy, bytes + at, length);
		return put_word(bytes, n, most, at, at, (struct word){(char *)copy, length});
	case 5:
		return put_word(bytes, n, most, at, at, SOME(words));
	case 6:
		return put_word(bytes, n, most, at, at + length, SOME(words));
	case 7:
		length = length < sizeof copy ? length : sizeof copy;
		memcpy(copy, bytes + at, length);
		memmove(bytes + below(n - length + 1), copy, length);
		return n;
	}
	return put_number(bytes, n, most, at);
}

static size_t alter(uint8_t *bytes, size_t n, size_t most)
{
#ifdef LIBFUZZER
	if (n > 0 && below(2))
		return LLVMFuzzerMutate(bytes, n, most);
#endif
	for (size_t i = 0, times = 1 + below(3); i < times; i++)
		n = alter_once(bytes, n, most);
	return n;
}

/* Alters the bytes from a to b alone, in place: how many there are then. */
static size_t alter_between(uint8_t *bytes, size_t *n, size_t most, size_t a, size_t b)
{
	static uint8_t tail[ROOM];
	size_t left = *n - b;

	memcpy(tail, bytes + b, left);
	size_t now = alter(bytes + a, b - a, most - left - a);
	memcpy(bytes + a + now, tail, left);
	*n = a + now + left;
	return now;
}

static void put_integer(uint8_t *to, uint64_t x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(x >> 8 * i);
}

static uint32_t crc(const uint8_t *bytes, size_t n)
{
	static uint32_t table[256];
	uint32_t x = UINT32_MAX;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	for (size_t i = 0; i < n; i++)
		x = table[(x ^ bytes[i]) & 255] ^ x >> 8;
	return ~x;
}

static size_t alter_simple(uint8_t *bytes, size_t n, size_t most);

/* Appends a member, and its entry to the directory. */
static size_t put_member(uint8_t *to, size_t n, uint8_t *directory, size_t *m, const char *name,
	size_t length, const uint8_t *bytes, size_t size)
{
	uint8_t head[26] = {20};

	put_integer(head + 10, crc(bytes, size), 4);
	put_integer(head + 14, size, 4);
	put_integer(head + 18, size, 4);
	put_integer(head + 22, length, 2);
	memcpy(directory + *m, "PK\1\2\24", 6);
	memcpy(directory + *m + 6, head, 26);
	memset(directory + *m + 32, 0, 14);
	put_integer(directory + *m + 42, n, 4);
	memcpy(directory + *m + 46, name, length);
	*m += 46 + length;
	memcpy(to + n, "PK\3\4", 4);
	memcpy(to + n + 4, head, 26);
	memcpy(to + n + 30, name, length);
	memcpy(to + n + 30 + length, bytes, size);
	return n + 30 + length + size;
}

/* A zip archive stays whole, with one of its members altered; false: not one that can be read. */
static bool alter_zip(uint8_t *bytes, size_t *n, size_t most)
{
	static uint8_t out[2 * ROOM], directory[2 * ROOM], member[ROOM];
	struct zip zip;
	size_t to = 0, m = 0, least = 0;

	if (!zip_open(&zip, (char *)bytes, *n)) {
		zip_close(&zip);
		return false;
	}
	for (size_t i = 0; i < zip.members; i++)
		least += zip.member[i].bytes ? 128 + 2 * zip.member[i].name_length
			+ zip.member[i].n : ROOM;
	size_t chosen = below(zip.members), i;
	for (i = 0; least < most && i < zip.members; i++) {
		const struct zip_member *s = &zip.member[i];
		char name[256] = "";
		size_t length = s->name_length < 240 ? s->name_length : 240, size = s->n;
		memcpy(name, s->name, length);
		memcpy(member, s->bytes, size);
		if (i == chosen && below(12) == 0)
			length = alter((uint8_t *)name, length, sizeof name);
		else if (i == chosen)
			size = alter_simple(member, size, size + most - least);
		to = put_member(out, to, directory, &m, name, length, member, size);
	}
	bool done = i > 0 && to + m + 22 <= most;
	if (done) {
		memcpy(bytes, out, to);
		memcpy(bytes + to, directory, m);
		memset(bytes + to + m, 0, 22);
		memcpy(bytes + to + m, "PK\5\6", 4);
		put_integer(bytes + to + m + 8, i, 2);
		put_integer(bytes + to + m + 10, i, 2);
		put_integer(bytes + to + m + 12, m, 4);
		put_integer(bytes + to + m + 16, to, 4);
		*n = to + m + 22;
	}
	zip_close(&zip);
	return done;
}

/* The length that stands before a header of text stays right. */
static size_t alter_simple(uint8_t *bytes, size_t n, size_t most)
{
	uint64_t length = 0;

	if (n > 10 && memcmp(bytes, "\x93NUMPY\1", 7) == 0 && below(4)
			&& 10 + (length = bytes[8] | (size_t)bytes[9] << 8) <= n) {
		put_integer(bytes + 8, alter_between(bytes, &n, most, 10, 10 + length), 2);
		return n;
	}
	if (n > 8)
		memcpy(&length, bytes, 8);
	if (n > 9 && bytes[8] == '{' && length <= n - 8 && below(4)) {
		put_integer(bytes, alter_between(bytes, &n, most, 8, 8 + length), 8);
		return n;
	}
	return alter(bytes, n, most);
}

static size_t alter_file(uint8_t *bytes, size_t n, size_t most)
{
	if (n > 4 && memcmp(bytes, "PK", 2) == 0 && below(8) && alter_zip(bytes, &n, most))
		return n;
	return alter_simple(bytes, n, most);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t most, unsigned seed)
{
	static uint8_t file[ROOM], out[ROOM];
	struct input in;

	dice = seed;
	if (most > ROOM)
		most = ROOM;
	if (!unpack(&in, bytes, n))
		return n;
	struct part *p = &in.part[below(4) ? 0 : below(in.parts)];
	size_t others = n - p->n + PARTS * (sizeof p->name + 24);
	if (others > most || p->n > most - others)
		return n;
	memcpy(file, p->bytes, p->n);
	p->n = alter_file(file, p->n, most - others);
	p->bytes = file;
	size_t now = pack(out, most, &in);
	if (now == 0)
		return n;
	memcpy(bytes, out, now);
	return now;
}

/* -- Without libFuzzer ------------------------------------------------------------------------- */

#ifndef LIBFUZZER
static size_t read_input(const char *path, uint8_t *bytes)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(bytes, 1, ROOM, f) : 0;

	if (!f || n == 0 || n == ROOM)
		die("%s: cannot be read", path);
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[ROOM];

	program = "fuzz";
	if (argc < 5)
		return 2;
	size_t times = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
	size_t files = (size_t)argc - 4;
	setenv("FUZZ", argv[1], 1);
	if (LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	for (size_t i = 0; i < (times ? times : files); i++) {
		dice = seed << 32 ^ i;
		const char *path = argv[4 + (times ? below(files) : i)];
		size_t n = read_input(path, bytes);
		for (size_t k = times ? 1 + below(4) : 0; k > 0; k--)
			n = LLVMFuzzerCustomMutator(bytes, n, ROOM, (unsigned)below(UINT32_MAX));
		alarm(SECONDS);
		LLVMFuzzerTestOneInput(bytes, n);
		if (times == 0)
			printf("%s: %s\n", path, *refusal ? refusal : "read");
	}
	printf("%s: %zu files, %zu were read, %zu ways to refuse one\n", reader->name, runs, reads,
		kinds);
	return runs > 0 && reads > 0 && kinds > 0 ? 0 : times > 0;
}
#endif
