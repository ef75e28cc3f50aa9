/* Joins streams, or says what is in them. */
#include "die.h"
#include "merge.h"
#include "opt.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check, count, headers, histories, merge, compress, decompress;

static const struct opt options[] = {
	{"check", OPT_FLAG, &check, NULL, "read and check to the last byte, write nothing", 0, 0},
	{"count", OPT_FLAG, &count, NULL, "a line for each stream: file, kind, frames", 0, 0},
	{"header", OPT_FLAG, &headers, NULL, "a line of JSON for each header", 0, 0},
	{"history", OPT_FLAG, &histories, NULL, "the commands that made each stream", 0, 0},
	{"merge", OPT_FLAG, &merge, NULL, "join blocks of rows of distances, made with --rows", 0, 0},
	{"compress", OPT_FLAG, &compress, NULL, "write LZ4 payloads", 0, 0},
	{"decompress", OPT_FLAG, &decompress, NULL, "write plain payloads, the default", 0, 0},
	OPT_END
};

static void print_word(const struct value *word)
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
static void print_command(const struct reader *in, const void **at)
{
	struct value entry = next_value(at), name, version, arguments;

	if (entry.kind != IS_LIST || entry.n != 3 || (name = next_value(at)).kind != IS_TEXT
			|| (version = next_value(at)).kind != IS_TEXT
			|| (arguments = next_value(at)).kind != IS_LIST)
		bad(in, "history holds an entry that is not [program, version, [arguments]]");
	print_word(&name);
	for (size_t i = 0; i < arguments.n; i++) {
		struct value word = next_value(at);
		if (word.kind != IS_TEXT)
			bad(in, "history holds an argument that is no string");
		putchar(' ');
		print_word(&word);
	}
	putchar('\n');
}

static void print_history(const struct reader *in, const struct frame *header)
{
	const struct field *history = find_field(header, "history");

	if (!history)
		return;
	const void *at = history->other.bytes;
	for (size_t left = next_value(&at).n; left > 0; left--)
		print_command(in, &at);
}

static void cat(const char *path, struct writer *out)
{
	struct reader *in = reader_open(path);
	struct frame header = {0}, frame = {0};

	while (read_header(in, &header)) {
		size_t frames = 0;
		if (headers)
			print_json(in, &header);
		if (histories)
			print_history(in, &header);
		if (out)
			rewrite_header(out, &header);
		for (; read_frame(in, &frame); frames++)
			if (out)
				write_frame(out, &frame);
		if (out)
			write_end(out);
		if (count)
			printf("%s\t%s\t%zu\n", reader_name(in), get_string(&header, "kind", "-"),
				frames);
	}
	reader_close(in);
	frame_free(&header);
	frame_free(&frame);
}

int main(int argc, char **argv)
{
	(void)argc;
	char **operand = opt_parse(argv, options, "framecat [OPTION] [FILE]...",
		"Joins streams one after another, says what is in them, or packs them otherwise.",
		1 << 20);

	if (check + count + headers + histories + merge > 1)
		misuse("one of --check --count --header --history --merge at most");
	if (check + count + headers + histories + compress + decompress > 1)
		misuse("one of --compress --decompress at most, and where streams are written");
	for (size_t i = 0; merge && (i == 0 || operand[i]); i++)
		if (!operand[i] || strcmp(operand[i], "-") == 0)
			misuse("--merge reads each file twice, and stdin cannot be");
	struct writer *out = check || count || headers || histories ? NULL : writer_open();
	if (compress)
		writer_compress(out, true);
	if (merge)
		merge_rows(operand, out);
	for (size_t i = 0; !merge && (i == 0 || operand[i]); i++)
		cat(operand[i], out);
	if (out)
		writer_close(out);
	else
		text_close();
	free(operand);
	return 0;
}
