#include "file/npz_frame.h"

#include "base/die.h"
#include "stream/json_frame.h"

#include <stdlib.h>
#include <string.h>

/* A text of any length, to free(); NULL: none. */
static char *whole_text(struct npz_arrays *s, const char *key)
{
	struct npz_texts *t = archive_texts(s->file, key);
	char *text = t && t->shape.n == 1 ? xasprintf("%s", npz_texts_next(t)) : NULL;

	if (!text && npz_has(s, key))
		die("%s:%s: not a text, where one is expected", archive_name(s->file), key);
	if (t)
		npz_texts_close(t);
	return text;
}

static void write_frame(struct npz_arrays *s, const struct json_lines *lines, struct sm_frame *f,
	struct pool *pool, struct sm_writer *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *key = json_lines_place(lines, i);
		if (!key)
			continue;
		for (size_t k = 0; k < i; k++)
			if (json_lines_place(lines, k)
					&& strcmp(key, json_lines_place(lines, k)) == 0)
				json_lines_bad(lines, "%s twice", key);
		struct npz_array *a = npz_array(s, key);
		if (!a)
			json_lines_bad(lines, "no array %s: there are %s", key, npz_names(s));
		npz_take(s, a, &f->field[i], pool);
	}
	sm_write_frame(out, f);
	pool_clear(pool);
}

static void write_frames(struct npz_arrays *s, const char *text, struct sm_writer *out)
{
	char *name = xasprintf("%s:frames", archive_name(s->file));
	struct json_lines *lines = json_lines_of(name, text, true);
	struct sm_frame frame = {0};
	struct pool pool = {0};

	while (read_json(lines, &frame)) {
		if (sm_find_field(&frame, "semot") || sm_find_field(&frame, "end"))
			json_lines_bad(lines, "semot and end are no names for fields of a frame");
		write_frame(s, lines, &frame, &pool, out);
	}
	npz_arrays_end(s);
	sm_write_end(out);
	json_lines_free(lines);
	sm_frame_free(&frame);
	pool_free(&pool);
	free(name);
}

/* Texts and numbers of no dimension, and those of --set, are fields of the header, or stand for all
 * rows. */
static void set_fields(struct npz_arrays *s, const struct list *set, struct sm_frame *header,
	struct pool *pool)
{
	for (size_t i = 0; i < set->n; i++) {
		char *name = pool_keep(pool, xasprintf("%s", set->item[i])), *text = name;
		strsep(&text, "=");
		if (!text || !*name)
			misuse("--set %s: NAME=TEXT is needed", set->item[i]);
		if (npz_has(s, name))
			misuse("--set %s: the file has %s", set->item[i], name);
		sm_set_string(header, name, text);
	}
	for (size_t i = 0; i < s->keys; i++) {
		struct npz_array *a = npz_array(s, s->key[i]);
		if (!npz_is_single(a) || strcmp(a->key, "frames") == 0
				|| strcmp(a->key, "header") == 0
				|| strcmp(a->key, "format") == 0)
			continue;
		if (a->texts) {
			sm_set_string(header, a->key, pool_keep(pool,
				xasprintf("%s", npz_texts_next(a->texts))));
			continue;
		}
		double x = sm_to_double(array_parts_next(a->numbers, 1), a->shape.dtype, 0);
		if (sm_dtype_is_float(a->shape.dtype))
			sm_set_real(header, a->key, x);
		else
			sm_set_integer(header, a->key, (int64_t)x);
	}
}

static void write_of_kind(struct npz_arrays *s, const char *kind, const struct list *set,
	struct sm_frame *header, struct sm_writer *out)
{
	struct pool pool = {0};

	set_fields(s, set, header, &pool);
	const char *said = sm_get_string(header, "kind", NULL);
	if (kind && said && strcmp(kind, said) != 0)
		die("%s: of kind %s, where --kind is %s", archive_name(s->file), said, kind);
	if (!kind && !said)
		die("%s: --kind says of what stream these are the arrays: %s",
			archive_name(s->file), npz_names(s));
	if (kind)
		sm_set_string(header, "kind", kind);
	kind = sm_get_string(header, "kind", kind);
	char *frames = frames_of_arrays(s, kind, header);
	sm_write_header(out, header);
	write_frames(s, frames, out);
	free(frames);
	pool_free(&pool);
}

void write_stream_of_npz(const char *path, const char *kind, const struct list *set,
	struct sm_writer *out)
{
	struct npz_arrays s;
	struct sm_frame header = {0};

	npz_arrays_open(&s, path);
	char *said = whole_text(&s, "header"), *frames = whole_text(&s, "frames");
	char *name = xasprintf("%s:header", archive_name(s.file));
	struct json_lines *lines = json_lines_of(name, said ? said : "{}", false);
	read_json(lines, &header);
	if (frames && !said)
		die("%s: frames, but no header", archive_name(s.file));
	if (frames && (kind || set->n > 0))
		misuse("--kind and --set are for arrays without frames, which %s has",
			archive_name(s.file));
	if (frames) {
		sm_rewrite_header(out, &header);
		write_frames(&s, frames, out);
	} else {
		write_of_kind(&s, kind, set, &header, out);
	}
	json_lines_free(lines);
	sm_frame_free(&header);
	npz_arrays_close(&s);
	free(name);
	free(said);
	free(frames);
}
