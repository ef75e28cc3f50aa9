/* Activations to contexts: what every feature fires on, as text. */
#include "base/die.h"
#include "base/opt.h"
#include "base/progress.h"
#include "file/array.h"
#include "file/vocab.h"
#include "stream/context_finder.h"

#include <stdlib.h>
#include <string.h>

enum { FEATURES_MOST = 1 << 26, WINDOW_MOST = 4096, FRAME_TOKENS = 1 << 20 };

static struct context_options how = {.top = 3, .lower = 1, .before = 10, .after = 5};
static const char *tokens_file, *vocab_file;
static int marks;

static const struct opt options[] = {
	{"vocab", OPT_TEXT, &vocab_file, "FILE",
		"strings of the vocabulary: one a line, tokenizer.json or vocab.json", 0, 0},
	{"marks", OPT_CHOICE, &marks, MARKS_CHOICE,
		"what the strings of --vocab mark words and bytes by", 0, 0},
	{"tokens", OPT_TEXT, &tokens_file, "FILE",
		"vocabulary ids of the tokens, where the stream does not carry them", 0, 0},
	{"top", OPT_SIZE, &how.top, "K", "the K contexts of the highest peaks", 1, 1 << 16},
	{"lower", OPT_SIZE, &how.lower, "K",
		"K contexts each of the middle and the lowest third of the activations",
		0, 1 << 16},
	{"before", OPT_SIZE, &how.before, "N", "N tokens before a peak", 0, WINDOW_MOST},
	{"after", OPT_SIZE, &how.after, "N", "N tokens after a peak", 0, WINDOW_MOST},
	{"context", OPT_SIZE, &how.context, "N",
		"length of a sequence in tokens, where the stream does not say it", 0, UINT32_MAX},
	{"seed", OPT_SIZE, &how.seed, "S", "seed of the choice of lower contexts", 0, 9e18},
	OPT_PROGRESS, OPT_END
};

/* Where ids and their texts are from. */
struct text {
	struct archive *file;		/* of --tokens, or NULL */
	struct array token;
	size_t tokens, room;
	uint32_t *id;			/* (room) of a frame's tokens */
	struct vocab vocab;		/* of --vocab, or none */
};

static struct text open_text(void)
{
	struct text t = {0};

	if (tokens_file) {
		t.file = array_open(tokens_file, &t.token);
		t.tokens = array_count(&t.token);
	}
	if (vocab_file)
		t.vocab = vocab_open(vocab_file, (enum marks)marks);
	return t;
}

static void close_text(struct text *t)
{
	if (t->file)
		archive_close(t->file);
	vocab_close(&t->vocab);
	free(t->id);
}

/* The id of a token by --tokens; what the stream carries has to be the same. */
static uint32_t id_in_file(struct sm_reader *in, const struct text *t, uint32_t token,
	const uint32_t *carried)
{
	if (token >= t->tokens)
		sm_bad(in, "token %u, where %s has %zu ids", token, tokens_file, t->tokens);
	double id = sm_to_double(t->token.data, t->token.dtype, token);
	if (!(id >= 0 && id <= UINT32_MAX))
		die("%s: token %u has the id %g", tokens_file, token, id);
	if (carried && *carried != (uint32_t)id)
		sm_bad(in, "token %u is %u of the vocabulary, %s has %u: the texts differ", token,
			*carried, tokens_file, (uint32_t)id);
	return (uint32_t)id;
}

/* The ids of a frame's tokens. */
static const uint32_t *ids_of(struct sm_reader *in, const struct sm_frame *frame, struct text *t)
{
	size_t n = SM_ANY;
	const uint32_t *token = sm_want(in, frame, "token", SM_U4, &n);
	const uint32_t *id = sm_find_field(frame, "vocab")
		? sm_want(in, frame, "vocab", SM_U4, &n) : NULL;

	if (!id && !tokens_file)
		sm_bad(in, "no vocabulary ids of the tokens: --tokens FILE has them, here or in "
			"act-dump");
	if (tokens_file) {
		if (n > t->room)
			t->id = xrealloc(t->id, t->room = 2 * n, sizeof *t->id);
		for (size_t i = 0; i < n; i++)
			t->id[i] = id_in_file(in, t, token[i], id ? id + i : NULL);
		id = t->id;
	}
	for (size_t i = 0; vocab_file && i < n; i++)
		if (!vocab_text(&t->vocab, id[i]))
			sm_bad(in, "token %u has the id %u, which %s has no string for (%zu "
				"strings)", token[i], id[i], vocab_file, t->vocab.strings);
	return id;
}

/* How long a sequence is, as header, --context and --tokens say. */
static size_t context_of(struct sm_reader *in, const struct sm_frame *header, const struct text *t)
{
	size_t its = sm_get_size(header, "context"), tokens = sm_get_size(header, "tokens");
	size_t rows = t->token.rank == 2 && t->token.shape[0] > 1 ? t->token.shape[1] : 0;

	if (tokens_file && tokens > 0 && t->tokens != tokens)
		sm_bad(in, "of %zu tokens, %s has %zu ids", tokens, tokens_file, t->tokens);
	if (how.context && its && how.context != its)
		sm_bad(in, "sequences are of %zu tokens, --context says %zu", its, how.context);
	return how.context ? how.context : its ? its : rows > 1 ? rows : 0;
}

/* The texts of the ids that occur in contexts. */
static void write_texts(struct sm_writer *out, const struct vocab *v, struct context_finder *f,
	size_t features)
{
	uint8_t *occurs = xcalloc(v->n, sizeof *occurs);
	struct contexts one = {0};
	size_t n = 0;

	for (size_t i = 0; i < features; i++) {
		context_finder_take(f, (uint32_t)i, &one);
		for (size_t k = 0; k < one.tokens; k++) {
			n += !occurs[one.id[k]];
			occurs[one.id[k]] = 1;
		}
		one.features = one.contexts = one.tokens = 0;
	}
	uint32_t *id = xalloc(n, sizeof *id);
	const char **text = xalloc(n, sizeof *text);
	n = 0;
	for (size_t i = 0; i < v->n; i++)
		if (occurs[i]) {
			id[n] = (uint32_t)i;
			text[n++] = vocab_text(v, (uint32_t)i);
		}
	write_context_texts(out, n, id, text);
	free(id);
	free(text);
	free(occurs);
	contexts_free(&one);
}

static void write_header(struct sm_writer *out, struct sm_frame *header, size_t tokens,
	size_t context)
{
	sm_set_string(header, "kind", "contexts");
	if (context > 0)
		sm_set_integer(header, "context", (int64_t)context);
	sm_set_integer(header, "tokens_read", (int64_t)tokens);
	sm_set_integer(header, "before", (int64_t)how.before);
	sm_set_integer(header, "after", (int64_t)how.after);
	sm_set_integer(header, "top", (int64_t)how.top);
	sm_set_integer(header, "lower", (int64_t)how.lower);
	sm_set_integer(header, "seed", (int64_t)how.seed);
	sm_write_header(out, header);
}

static void find(struct sm_reader *in, struct sm_writer *out, struct sm_frame *header,
	struct text *text)
{
	struct sm_frame frame = {0};
	struct contexts batch = {0};
	struct context_options its = how;

	sm_want_kind(in, header, "activations");
	size_t features = sm_want_size(in, header, "features");
	if (features > FEATURES_MOST)
		sm_bad(in, "%zu features: the limit is %d", features, FEATURES_MOST);
	its.context = context_of(in, header, text);
	struct context_finder *f = context_finder_open(features, its);
	progress_begin(sm_get_size(header, "tokens"), "tokens");
	while (sm_read_frame(in, &frame))
		progress_to(context_finder_add(f, in, &frame, ids_of(in, &frame, text)));
	progress_end();
	size_t tokens = context_finder_end(f, in);
	if (its.context == 0)
		note("%s: nothing says where sequences end (--context): contexts may run into the "
			"next", sm_reader_name(in));
	write_header(out, header, tokens, its.context);
	if (vocab_file)
		write_texts(out, &text->vocab, f, features);
	for (size_t i = 0; i < features; i++) {
		context_finder_take(f, (uint32_t)i, &batch);
		if (batch.tokens >= FRAME_TOKENS)
			write_contexts(out, &batch);
	}
	if (batch.features > 0)
		write_contexts(out, &batch);
	sm_write_end(out);
	context_finder_close(f);
	contexts_free(&batch);
	sm_frame_free(&frame);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "contexts [OPTION]... [FILE]",
		"Keeps, for every feature of activations, the tokens around some of its peaks.", 1);
	struct sm_reader *in = sm_reader_open(operand[0]);
	struct sm_writer *out = sm_writer_open(program, VERSION, opt_history());
	struct text text = open_text();
	struct sm_frame header = {0};

	while (sm_read_header(in, &header))
		find(in, out, &header, &text);
	sm_writer_close(out);
	sm_reader_close(in);
	close_text(&text);
	sm_frame_free(&header);
	free(operand);
	return 0;
}
