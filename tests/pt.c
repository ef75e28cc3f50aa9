/* Prints the arrays of a file: key, shape, numbers as floats in hexadecimal. */
#include "file/array.h"

#include "base/die.h"

#include <stdio.h>
#include <stdlib.h>

static void print(struct archive *f, const char *key)
{
	struct array a;

	if (!archive_find(f, key, &a))
		die("%s: no array %s", archive_name(f), key ? key : "");
	float *x = array_floats(&a);
	printf("%s", key ? key : "-");
	for (size_t i = 0; i < a.rank; i++)
		printf("%c%zu", i ? 'x' : ' ', a.shape[i]);
	printf(" :");
	for (size_t i = 0; i < array_count(&a); i++)
		printf(" %a", (double)x[i]);
	printf("\n");
	free(x);
}

int main(int argc, char **argv)
{
	size_t n = 0;

	if (argc != 2)
		return 2;
	program = "pt";
	struct archive *f = archive_open(argv[1]);
	char **key = archive_keys(f, &n);
	if (n == 0)
		print(f, NULL);
	for (size_t i = 0; i < n; i++) {
		print(f, key[i]);
		free(key[i]);
	}
	free(key);
	json_t *settings = archive_settings(f);
	if (settings) {
		char *text = json_dumps(settings, JSON_SORT_KEYS);
		printf("settings %s\n", text);
		free(text);
		json_decref(settings);
	}
	archive_close(f);
	return 0;
}
