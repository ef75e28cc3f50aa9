#include "file/graph_node.h"

#include <stdlib.h>
#include <string.h>

/* Anthropic's graphs call a feature that was not followed to its inputs "unexplored node". */
enum node_type graph_node_type(const char *feature_type)
{
	static const struct {
		const char *word;
		enum node_type type;
	} table[] = {
		{"error", ERROR_NODE}, {"embedding", EMBEDDING_NODE}, {"logit", LOGIT_NODE},
		{"transcoder", FEATURE_NODE}, {"feature", FEATURE_NODE}, {"lorsa", FEATURE_NODE},
		{"sae", FEATURE_NODE}, {"autoencoder", FEATURE_NODE}, {"unexplored", FEATURE_NODE},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strstr(feature_type, table[i].word))
			return table[i].type;
	return OTHER_NODE;
}

/* The word is the beginning of its feature_type: "cross layer transcoder", "transcoder". */
static bool is_transcoder(struct span word)
{
	return word.n == 3 && (strncmp(word.text, "cro", 3) == 0
		|| strncmp(word.text, "tra", 3) == 0);
}

/* "layer_index_position", or "layer_lor_index_position" with a word. */
const char *graph_node_index(const char *id, const char *layer, int32_t ctx, struct span *word)
{
	size_t n = strlen(layer), digits;
	char *end;

	*word = (struct span){0};
	if (strncmp(id, layer, n) != 0 || id[n] != '_')
		return NULL;
	id += n + 1;
	n = strspn(id, "abcdefghijklmnopqrstuvwxyz");
	if (n > 0 && id[n] == '_') {
		*word = is_transcoder((struct span){id, n}) ? *word : (struct span){id, n};
		id += n + 1;
	}
	digits = strspn(id, "0123456789");
	return digits > 0 && digits < 20 && id[digits] == '_'
		&& strtol(id + digits + 1, &end, 10) == ctx && *end == '\0' ? id : NULL;
}
