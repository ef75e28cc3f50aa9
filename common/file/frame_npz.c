#include "file/frame_npz.h"

#include "base/die.h"
#include "base/memory.h"
#include "base/text_stream.h"
#include "base/utf8.h"
#include "file/npz_arrays.h"
#include "file/npz_writer.h"
#include "stream/frame_json.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MOST = 1 << 14, MEMORY_STEP = 1 << 28, PUT_MOST = 4096, RAGGED = 16,
	RAGGED_LEAST = 1 << 20 };

/* Fields of frames of one form, one after the other. */
struct member {
	char *name, *base;		/* NAME_2, NAME */
	size_t number;			/* 2 */
	const struct sm_field **part;
	size_t parts, room, rows;
	bool offsets;			/* where rows begin: joined, and of 8 bytes */
	bool indices;			/* of a CSR matrix: <i4, as scipy wants them */
	bool ragged;			/* strings that stay in the text of the frames */
	size_t width;			/* of the longest string, in characters */
};

struct held {
	struct sm_frame frame;
	struct member **of;		/* for each field; NULL: it stays in the text */
};

struct frame_npz {
	struct sm_reader *in;
	const struct sm_frame *header;
	const char *kind;
	char *said, *text;		/* the header, the frames without their arrays: JSON */
	struct held *frame;
	size_t frames, room, bytes, allowed;
	struct member **member;
	size_t members;
	struct member *indices;		/* of a CSR matrix of the shape, or NULL */
	int64_t shape[2];
};

/* -- Names ------------------------------------------------------------------------------------- */

/* Fields that are called otherwise, in frames that hold `has` as well; NULL: all of them, which get
 * this prefix. */
static const struct {
	const char *kind, *has, *field, *name;
} renamed[] = {
	{"activations", "indptr", "feature", "indices"},
	{"activations", "indptr", "value", "data"},
	{"distributions", "indptr", "row", "indices"},
	{"distributions", "indptr", "weight", "data"},
	{"coupling", "indptr", "col", "indices"},
	{"coupling", "indptr", "weight", "data"},
	{"flow", "indptr", NULL, "chain_"},
	{"flow", "row_feature", NULL, "merge_"},
};

static bool is_taken(const struct frame_npz *z, const char *name)
{
	bool taken = npz_is_beside(name);

	for (size_t i = 0; i < z->members; i++)
		taken |= strcmp(name, z->member[i]->name) == 0;
	return taken;
}

/* The second of one name is NAME_2. */
static void set_name(struct member *m, const struct frame_npz *z, const struct sm_frame *f,
	const char *field)
{
	char *base = NULL;
	size_t number = 1;

	for (size_t i = 0; i < sizeof renamed / sizeof *renamed && !base; i++)
		if (strcmp(z->kind, renamed[i].kind) == 0 && sm_find_field(f, renamed[i].has)
				&& (!renamed[i].field || strcmp(field, renamed[i].field) == 0))
			base = xasprintf("%s%s", renamed[i].name, renamed[i].field ? "" : field);
	m->base = base ? base : xasprintf("%s", field);
	for (size_t k = 0; k < z->members; k++)
		if (strcmp(z->member[k]->base, m->base) == 0)
			number = z->member[k]->number + 1;
	m->name = number == 1 ? xasprintf("%s", m->base) : xasprintf("%s_%zu", m->base, number);
	for (; is_taken(z, m->name); m->name = xasprintf("%s_%zu", m->base, ++number))
		free(m->name);
	m->number = number;
}

/* -- Frames, held and joined ------------------------------------------------------------------- */

static bool same_form(const struct sm_frame *a, const struct sm_frame *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct sm_field *x = &a->field[i], *y = &b->field[i];
		const struct sm_tensor *t = &x->tensor, *u = &y->tensor;
		if (strcmp(x->name, y->name) != 0 || x->kind != y->kind)
			return false;
		if (x->kind == SM_TENSOR && (t->dtype != u->dtype || t->rank != u->rank))
			return false;
		for (size_t k = 1; x->kind == SM_TENSOR && k < t->rank; k++)
			if (t->shape[k] != u->shape[k])
				return false;
	}
	return true;
}

static bool is_array(const struct sm_field *x)
{
	return x->kind == SM_STRINGS || (x->kind == SM_TENSOR && x->tensor.rank > 0);
}

bool are_offsets(const struct sm_field *x)
{
	return x->kind == SM_TENSOR && x->tensor.dtype == SM_U4 && x->tensor.rank == 1
		&& (strcmp(x->name, "indptr") == 0 || strcmp(x->name, "begin") == 0);
}

static struct member *add_member(struct frame_npz *z, const struct sm_frame *f,
	const struct sm_field *x)
{
	struct member *m = xalloc(1, sizeof *m);

	if (z->members == MEMBERS_MOST)
		sm_bad(z->in, "frames of too many forms: their fields make more than %d arrays",
			MEMBERS_MOST);
	*m = (struct member){.offsets = are_offsets(x), .width = 1};
	set_name(m, z, f, x->name);
	z->member = xrealloc(z->member, z->members + 1, sizeof *z->member);
	z->member[z->members++] = m;
	return m;
}

static void add_part(const struct frame_npz *z, struct member *m, const struct sm_field *x)
{
	const uint32_t *end = x->tensor.data;
	size_t n = x->kind == SM_STRINGS ? x->strings.n : x->tensor.shape[0];

	if (m->offsets && (n == 0 || end[0] != 0))
		sm_bad(z->in, "%s does not begin with 0", x->name);
	for (size_t i = 1; m->offsets && i < n; i++)
		if (end[i] < end[i - 1])
			sm_bad(z->in, "%s row %zu descends", x->name, i - 1);
	if (m->parts == m->room) {
		m->room = m->room ? 2 * m->room : 4;
		m->part = xrealloc(m->part, m->room, sizeof *m->part);
	}
	m->part[m->parts++] = x;
	m->rows += m->offsets ? n - 1 : n;
}

static void take_frame(struct frame_npz *z, const struct sm_frame *frame)
{
	if (z->frames == z->room) {
		z->room = z->room ? 2 * z->room : 64;
		z->frame = xrealloc(z->frame, z->room, sizeof *z->frame);
	}
	struct held *h = &z->frame[z->frames++];
	const struct held *before = z->frames > 1 && same_form(frame, &h[-1].frame) ? h - 1 : NULL;
	*h = (struct held){*frame, xcalloc(frame->n + 1, sizeof *h->of)};
	for (size_t i = 0; i < frame->n; i++) {
		const struct sm_field *x = &h->frame.field[i];
		if (!is_array(x))
			continue;
		h->of[i] = before ? before->of[i] : add_member(z, frame, x);
		add_part(z, h->of[i], x);
		size_t bytes = x->kind == SM_TENSOR ? sm_dtype_size(x->tensor.dtype) : 16;
		for (size_t k = 0; x->kind == SM_TENSOR && k < x->tensor.rank; k++)
			bytes *= x->tensor.shape[k];
		z->bytes += bytes;
	}
	if (z->bytes > z->allowed) {
		memory_need(MEMORY_STEP, NULL, "%s: a stream of more than %zu MB",
			sm_reader_name(z->in), z->bytes >> 20);
		z->allowed = z->bytes + MEMORY_STEP;
	}
}

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; n++)
		utf8_next(&s);
	return n;
}

/* The width of an array of strings; and whether its strings are too unlike in length for one. */
static void measure(struct member *m)
{
	size_t bytes = 0;

	for (size_t i = 0; i < m->parts && m->part[i]->kind == SM_STRINGS; i++)
		for (size_t k = 0; k < m->part[i]->strings.n; k++) {
			size_t n = characters(m->part[i]->strings.item[k]);
			bytes += strlen(m->part[i]->strings.item[k]);
			m->width = n > m->width ? n : m->width;
		}
	m->ragged = m->part[0]->kind == SM_STRINGS && 4.0 * (double)m->rows * (double)m->width
		> RAGGED * (double)bytes + RAGGED_LEAST;
}

/* -- Bytes ------------------------------------------------------------------------------------- */

static void put_wide(struct npz_writer *w, const char *s, size_t width)
{
	uint32_t wide[PUT_MOST];

	for (size_t done = 0; done < width; ) {
		size_t n = width - done < PUT_MOST ? width - done : PUT_MOST;
		for (size_t i = 0; i < n; i++)
			wide[i] = *s ? utf8_next(&s) : 0;
		npz_put(w, wide, n * sizeof *wide);
		done += n;
	}
}

/* bf16 as <f4. */
static void put_floats(struct npz_writer *w, const uint16_t *x, size_t n)
{
	uint32_t wide[PUT_MOST];

	for (size_t done = 0; done < n; ) {
		size_t some = n - done < PUT_MOST ? n - done : PUT_MOST;
		for (size_t i = 0; i < some; i++)
			wide[i] = (uint32_t)x[done + i] << 16;
		npz_put(w, wide, some * sizeof *wide);
		done += some;
	}
}

/* Those of a part, behind the `base` entries of the parts before. */
static void put_offsets(struct npz_writer *w, const uint32_t *end, size_t n, int64_t base)
{
	int64_t wide[PUT_MOST];

	for (size_t done = 0; done < n; ) {
		size_t some = n - done < PUT_MOST ? n - done : PUT_MOST;
		for (size_t i = 0; i < some; i++)
			wide[i] = base + end[done + i];
		npz_put(w, wide, some * sizeof *wide);
		done += some;
	}
}

static void member_bytes(struct npz_writer *w, const void *from)
{
	const struct member *m = from;
	int64_t base = 0;

	if (m->offsets)
		npz_put(w, &base, sizeof base);
	for (size_t i = 0; i < m->parts; i++) {
		const struct sm_tensor *t = &m->part[i]->tensor;
		const struct sm_strings *s = &m->part[i]->strings;
		if (m->part[i]->kind == SM_STRINGS) {
			for (size_t k = 0; k < s->n; k++)
				put_wide(w, s->item[k], m->width);
			continue;
		}
		size_t n = 1;
		for (size_t k = 0; k < t->rank; k++)
			n *= t->shape[k];
		if (m->offsets) {
			put_offsets(w, (const uint32_t *)t->data + 1, n - 1, base);
			base += ((const uint32_t *)t->data)[n - 1];
		} else if (t->dtype == SM_BF16) {
			put_floats(w, t->data, n);
		} else if (n > 0) {
			npz_put(w, t->data, n * sm_dtype_size(t->dtype));
		}
	}
}

static void write_member(struct npz_writer *w, const struct member *m)
{
	const struct sm_field *x = m->part[0];
	size_t shape[SM_MAX_RANK] = {m->rows + m->offsets}, rank = 1;
	char *dtype = x->kind == SM_STRINGS ? xasprintf("<U%zu", m->width)
		: xasprintf("%s", m->offsets ? "<i8" : m->indices ? "<i4"
			: sm_dtype_name(x->tensor.dtype == SM_BF16 ? SM_F4 : x->tensor.dtype));

	for (; x->kind == SM_TENSOR && rank < x->tensor.rank; rank++)
		shape[rank] = x->tensor.shape[rank];
	npz_write(w, m->name, dtype, rank, shape, member_bytes, m);
	free(dtype);
}

static void text_bytes(struct npz_writer *w, const void *text)
{
	size_t n = characters(text);

	put_wide(w, text, n ? n : 1);
}

/* A single text. */
static void write_text(struct npz_writer *w, const char *name, const char *text)
{
	size_t n = characters(text);
	char *dtype = xasprintf("<U%zu", n ? n : 1);

	npz_write(w, name, dtype, 0, NULL, text_bytes, text);
	free(dtype);
}

/* -- scipy's members --------------------------------------------------------------------------- */

static struct member *find_member(const struct frame_npz *z, const char *name)
{
	for (size_t i = 0; i < z->members; i++)
		if (strcmp(z->member[i]->name, name) == 0)
			return z->member[i];
	return NULL;
}

/* How many columns a CSR matrix of the stream's kind has: what the header says, or rows of a
 * table; SIZE_MAX: the kind is none. */
static size_t columns(const struct frame_npz *z)
{
	const struct member *token = find_member(z, "token");

	if (strcmp(z->kind, "distributions") == 0)
		return token ? token->rows : 0;
	return strcmp(z->kind, "activations") == 0 ? sm_get_size(z->header, "features")
		: strcmp(z->kind, "coupling") == 0 ? sm_get_size(z->header, "cols") : SIZE_MAX;
}

static void shape_bytes(struct npz_writer *w, const void *shape)
{
	npz_put(w, shape, 2 * sizeof(int64_t));
}

static void format_bytes(struct npz_writer *w, const void *format)
{
	npz_put(w, format, strlen(format));
}

/* Finds the matrix, if there is one and all of it is in these arrays. */
static void find_csr(struct frame_npz *z)
{
	struct member *indptr = find_member(z, "indptr"), *m = find_member(z, "indices");
	size_t cols = columns(z), least = 0;

	if (cols == SIZE_MAX || !indptr || !indptr->offsets || !m || m->part[0]->kind != SM_TENSOR
			|| m->part[0]->tensor.dtype != SM_U4 || m->part[0]->tensor.rank != 1
			|| find_member(z, "indptr_2"))
		return;
	for (size_t i = 0; i < m->parts; i++)
		for (size_t k = 0; k < m->part[i]->tensor.shape[0]; k++) {
			size_t at = ((const uint32_t *)m->part[i]->tensor.data)[k];
			least = at >= least ? at + 1 : least;
		}
	if (least > (cols ? cols : INT32_MAX))
		sm_bad(z->in, "%s %zu of %zu", m->part[0]->name, least - 1, cols);
	m->indices = true;
	z->indices = m;
	z->shape[0] = (int64_t)indptr->rows;
	z->shape[1] = (int64_t)(cols ? cols : least);
}

static void write_csr(const struct frame_npz *z, struct npz_writer *w)
{
	if (!z->indices)
		return;
	npz_write(w, "shape", "<i8", 1, (size_t[]){2}, shape_bytes, z->shape);
	npz_write(w, "format", "|S3", 0, NULL, format_bytes, "csr");
}

/* -- All of it --------------------------------------------------------------------------------- */

/* The frames without what is in arrays, a line of JSON for each, or the header; to free(). */
static char *text_of(const struct frame_npz *z, bool header)
{
	const char *place[SM_MAX_FIELDS];
	char *text;
	size_t size;
	FILE *to = text_stream(&text, &size);

	if (header)
		put_json(to, z->in, z->header, NULL);
	for (const struct held *h = z->frame; !header && h < z->frame + z->frames; h++) {
		for (size_t i = 0; i < h->frame.n; i++)
			place[i] = h->of[i] && !h->of[i]->ragged ? h->of[i]->name : NULL;
		put_json(to, z->in, &h->frame, place);
	}
	text_stream_close(to);
	if (size > 0)
		text[size - 1] = '\0';		/* the last line's end */
	return text;
}

struct frame_npz *frame_npz_read(struct sm_reader *in, const struct sm_frame *header)
{
	struct frame_npz *z = xcalloc(1, sizeof *z);
	struct sm_frame frame = {0};

	z->frame = xalloc(0, sizeof *z->frame);
	z->in = in;
	z->header = header;
	z->kind = sm_get_string(header, "kind", "");
	for (; sm_read_frame(in, &frame); frame = (struct sm_frame){0})
		take_frame(z, &frame);
	sm_frame_free(&frame);
	for (size_t i = 0; i < z->members; i++)
		measure(z->member[i]);
	find_csr(z);
	z->said = text_of(z, true);
	z->text = text_of(z, false);
	return z;
}

void frame_npz_write(const struct frame_npz *z, struct npz_writer *w)
{
	for (size_t i = 0; i < z->members; i++)
		if (!z->member[i]->ragged)
			write_member(w, z->member[i]);
	write_csr(z, w);
	write_text(w, "header", z->said);
	write_text(w, "frames", z->text);
}

void frame_npz_free(struct frame_npz *z)
{
	for (size_t i = 0; i < z->frames; i++) {
		sm_frame_free(&z->frame[i].frame);
		free(z->frame[i].of);
	}
	for (size_t i = 0; i < z->members; i++) {
		free(z->member[i]->name);
		free(z->member[i]->base);
		free(z->member[i]->part);
		free(z->member[i]);
	}
	free(z->frame);
	free(z->member);
	free(z->said);
	free(z->text);
	free(z);
}
