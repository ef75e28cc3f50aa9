/* Joins streams, or says what is in them. */
#include "base/die.h"
#include "base/input.h"
#include "base/opt.h"
#include "base/standard.h"
#include "stream/frame_json.h"
#include "stream/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check, count, headers, histories, merge, compress, decompress;

static const struct opt options[] = {
	{"check", OPT_FLAG, &check, NULL,
		"check every stream to its last byte, and write nothing", 0, 0},
	{"count", OPT_FLAG, &count, NULL,
		"print file, kind and number of frames of each stream", 0, 0},
	{"header", OPT_FLAG, &headers, NULL, "print each header as a line of JSON", 0, 0},
	{"history", OPT_FLAG, &histories, NULL, "print the commands that made each stream", 0, 0},
	{"merge", OPT_FLAG, &merge, NULL, "join blocks that distance stages wrote with --rows", 0,
	0}, {"compress", OPT_FLAG, &compress, NULL, "write LZ4 payloads", 0, 0},
	{"decompress", OPT_FLAG, &decompress, NULL, "write plain payloads (the default)", 0, 0},
	OPT_END
};

static void print_word(const struct sm_value *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_@%+=:,./-";
	const char *s = word->bytes;
	bool quoted = word->n == 0;

	for (size_t i = 0; i < word->n; i++)
		quoted |= !memchr(plain, s[i], sizeof plain - 1);
	fputs(quoted ? "'" : "", stdout);
	for (size_t i = 0; i < word->n; i++)
		if (s[i] == '\'')
			fputs("'\\''", stdout);
		else
			putchar(s[i]);
	fputs(quoted ? "'" : "", stdout);
}

/* An entry [program, version, [arguments]] as the line that a shell would take. */
static void print_command(const struct sm_reader *in, const struct sm_value *entry)
{
	const struct sm_value *part = entry->item;

	if (entry->kind != SM_IS_LIST || entry->n != 3 || part[0].kind != SM_IS_TEXT
			|| part[1].kind != SM_IS_TEXT
			|| part[2].kind != SM_IS_LIST)
		sm_bad(in, "history holds an entry that is not [program, version, [arguments]]");
	print_word(&part[0]);
	for (size_t i = 0; i < part[2].n; i++) {
		if (part[2].item[i].kind != SM_IS_TEXT)
			sm_bad(in, "history holds an argument that is no string");
		putchar(' ');
		print_word(&part[2].item[i]);
	}
	putchar('\n');
}

static void print_history(const struct sm_reader *in, const struct sm_frame *header)
{
	const struct sm_field *history = sm_find_field(header, "history");

	for (size_t i = 0; history && i < history->value.n; i++)
		print_command(in, &history->value.item[i]);
}

static void cat(const char *path, struct sm_writer *out)
{
	struct sm_reader *in = sm_reader_open(path);
	struct sm_frame header = {0}, frame = {0};

	while (sm_read_header(in, &header)) {
		size_t frames = 0;
		if (headers)
			print_json(in, &header);
		if (histories)
			print_history(in, &header);
		if (out)
			sm_rewrite_header(out, &header);
		for (; sm_read_frame(in, &frame); frames++)
			if (out)
				sm_write_frame(out, &frame);
		if (out)
			sm_write_end(out);
		if (count)
			printf("%s\t%s\t%zu\n", sm_reader_name(in),
				sm_get_string(&header, "kind", "-"), frames);
	}
	sm_reader_close(in);
	sm_frame_free(&header);
	sm_frame_free(&frame);
}

int main(int argc, char **argv)
{
	char **operand = opt_parse(argc, argv, options, "framecat [OPTION] [FILE]...",
		"Joins streams, checks them, prints their headers, or repacks them.",
		1 << 20);

	if (check + count + headers + histories + merge > 1)
		misuse("one of --check --count --header --history --merge at most");
	if (check + count + headers + histories + compress + decompress > 1)
		misuse("one of --compress --decompress at most, and where streams are written");
	for (size_t i = 0; merge && (i == 0 || operand[i]); i++)
		if (is_stdin(operand[i]))
			misuse("--merge reads each file twice, and stdin cannot be");
	struct sm_writer *out = check || count || headers || histories ? NULL
		: sm_writer_open(program, VERSION, opt_history());
	if (compress)
		sm_writer_compress(out, true);
	if (merge)
		merge_rows(operand, out);
	for (size_t i = 0; !merge && (i == 0 || operand[i]); i++)
		cat(operand[i], out);
	if (out)
		sm_writer_close(out);
	else
		text_close();
	free(operand);
	return 0;
}
