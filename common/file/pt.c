#include "file/pt.h"

#include "base/die.h"
#include "base/memory.h"
#include "file/pickle.h"
#include "file/zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 8, NAME_MOST = 255, VISITS_MOST = 1 << 20,
	VISIT_TEXT = 64, PREFIX_MOST = 1 << 20 };

struct pt {
	const char *name;
	struct zip zip;
	char *root;			/* of the members' names, with its slash */
	struct pickle pickle;
	json_t *tensors, *numbers;	/* name: number of the value */
	json_t *before;			/* the line before the archive, or NULL */
	size_t visits;
	struct copy {
		uint32_t of;		/* number of the value */
		void *numbers;
	} *copy;			/* of tensors that are not in order */
	size_t copies;
};

static const struct pickle_value *value(const struct pt *p, uint32_t v)
{
	return &p->pickle.value[v];
}

/* -- Names ------------------------------------------------------------------------------------- */

/* What torch.nn.Parameter wraps; `made` is torch._utils's function. */
static bool is_made_by(const struct pt *p, uint32_t v, const char *made)
{
	const struct pickle_value *x = value(p, v);

	return x->kind == PICKLE_OBJECT
		&& pickle_is_global(&p->pickle, x->item[0], "torch._utils", made);
}

static uint32_t unwrapped(const struct pt *p, uint32_t v)
{
	const struct pickle_value *args;

	if (!is_made_by(p, v, "_rebuild_parameter"))
		return v;
	args = value(p, value(p, v)->item[1]);
	return args->kind == PICKLE_TUPLE && args->items > 0 ? args->item[0] : v;
}

/* A text can be in many places: each counts by its length. */
static void count_visit(struct pt *p, size_t text)
{
	p->visits += 1 + text / VISIT_TEXT;
	if (p->visits > VISITS_MOST)
		die("%s: its maps and lists lead to more than %d values", p->name, VISITS_MOST);
}

/* The text of a key, to free(): NULL when it is none that names an array. */
static char *key_text(const struct pt *p, uint32_t v)
{
	const struct pickle_value *k = value(p, v);

	if (k->kind == PICKLE_INT)
		return xasprintf("%lld", (long long)k->integer);
	if (k->kind != PICKLE_TEXT || k->text.n > NAME_MOST || memchr(k->text.at, 0, k->text.n))
		return NULL;
	return xasprintf("%.*s", (int)k->text.n, k->text.at);
}

static void add_name(struct pt *p, json_t *names, const char *name, uint32_t v)
{
	if (json_object_get(p->tensors, name) || json_object_get(p->numbers, name))
		die("%s: two arrays are named %s", p->name, name);
	if (json_object_size(p->tensors) + json_object_size(p->numbers) == ARRAYS_MOST)
		die("%s: more than %d arrays", p->name, ARRAYS_MOST);
	if (json_object_set_new(names, name, json_integer(v)) != 0)
		die("%s: the name of an array is no UTF-8", p->name);
}

static void collect(struct pt *p, uint32_t v, const char *name, size_t depth);

/* Maps and lists within each other; one that leads to itself ends there. */
static void collect_items(struct pt *p, uint32_t v, const char *name, size_t depth)
{
	struct pickle_value *x = &p->pickle.value[v];
	size_t step = x->kind == PICKLE_MAP ? 2 : 1;

	if (depth == DEPTH_MOST || x->visited)
		return;
	x->visited = true;
	for (size_t i = 0; i + step <= x->items; i += step) {
		uint32_t item = x->item[i + step - 1];
		enum pickle_kind kind = value(p, item)->kind;
		char *key = step == 2 ? key_text(p, x->item[i]) : kind == PICKLE_INT
			|| kind == PICKLE_FLOAT ? NULL : xasprintf("%zu", i);
		char *full = key ? xasprintf("%s%s%s", name, *name ? "." : "", key) : NULL;
		count_visit(p, 0);
		if (full)
			collect(p, item, full, depth + 1);
		free(key);
		free(full);
	}
	x->visited = false;
}

static void collect(struct pt *p, uint32_t v, const char *name, size_t depth)
{
	v = unwrapped(p, v);
	const struct pickle_value *x = value(p, v);

	if (is_made_by(p, v, "_rebuild_tensor_v2")) {
		if (depth > 0)
			add_name(p, p->tensors, name, v);
	} else if (x->kind == PICKLE_INT || x->kind == PICKLE_FLOAT) {
		if (depth > 0)
			add_name(p, p->numbers, name, v);
	} else if (x->kind == PICKLE_OBJECT && x->map) {
		collect_items(p, x->map, name, depth);
	} else if (x->kind == PICKLE_MAP || x->kind == PICKLE_LIST || x->kind == PICKLE_TUPLE) {
		collect_items(p, v, name, depth);
	}
}

json_t *pt_tensors(const struct pt *p)
{
	return p->tensors;
}

json_t *pt_numbers(const struct pt *p)
{
	return p->numbers;
}

/* -- Tensors ----------------------------------------------------------------------------------- */

struct tensor {
	struct array a;
	size_t stride[ARRAY_RANK], offset, numbers;	/* of its storage */
	const char *data;				/* of its storage */
};

static size_t size_at(const struct pt *p, const char *who, uint32_t v)
{
	const struct pickle_value *x = value(p, v);

	if (x->kind != PICKLE_INT || x->integer < 0)
		die("%s: a length, stride or offset that is none", who);
	return (size_t)x->integer;
}

static enum sm_dtype storage_dtype(const struct pt *p, const char *who, uint32_t v)
{
	static const struct { const char *name; enum sm_dtype dtype; } table[] = {
		{"FloatStorage", SM_F4}, {"HalfStorage", SM_F2}, {"BFloat16Storage", SM_BF16},
		{"DoubleStorage", SM_F8}, {"LongStorage", SM_I8}, {"IntStorage", SM_I4},
		{"ShortStorage", SM_I2}, {"ByteStorage", SM_U1}, {"BoolStorage", SM_U1},
	};
	const struct pickle_value *g = value(p, v), *name;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (pickle_is_global(&p->pickle, v, "torch", table[i].name))
			return table[i].dtype;
	name = g->kind == PICKLE_GLOBAL ? value(p, g->item[1]) : NULL;
	if (!name || name->kind != PICKLE_TEXT || name->text.n > NAME_MOST)
		die("%s: a storage of no type", who);
	die("%s: numbers of a %.*s cannot be read", who, (int)name->text.n, name->text.at);
}

/* ("storage", type, key, device, numbers): the member data/KEY, of as many bytes as it needs. */
static void read_storage(const struct pt *p, const char *who, uint32_t v, struct tensor *t)
{
	const struct pickle_value *s = value(p, v), *x, *key;
	size_t bytes;

	x = s->kind == PICKLE_STORED ? value(p, s->item[0]) : NULL;
	if (!x || x->kind != PICKLE_TUPLE || x->items < 5
			|| !pickle_is_text(&p->pickle, x->item[0], "storage"))
		die("%s: a tensor without a storage", who);
	t->a.dtype = storage_dtype(p, who, x->item[1]);
	t->a.boolean = pickle_is_global(&p->pickle, x->item[1], "torch", "BoolStorage");
	t->numbers = size_at(p, who, x->item[4]);
	key = value(p, x->item[2]);
	if (key->kind != PICKLE_TEXT || key->text.n > NAME_MOST)
		die("%s: a storage without a name", who);
	char *name = xasprintf("%sdata/%.*s", p->root, (int)key->text.n, key->text.at);
	const struct zip_member *m = zip_find(&p->zip, name);
	if (!m)
		die("%s: no member %s", who, name);
	if (!m->bytes)
		die("%s: member %s is compressed: torch.save stores it as it is", who, name);
	if (__builtin_mul_overflow(t->numbers, sm_dtype_size(t->a.dtype), &bytes)
			|| m->n != bytes)
		die("%s: member %s has %zu bytes for %zu numbers", who, name, m->n, t->numbers);
	t->data = m->bytes;
	free(name);
}

/* Does it stay within its storage? */
static void check_view(const char *who, const struct tensor *t)
{
	size_t last = t->offset, bytes = sm_dtype_size(t->a.dtype), step;
	bool over = false;

	for (size_t i = 0; i < t->a.rank; i++) {
		if (t->a.shape[i] == 0)
			return;
		over |= __builtin_mul_overflow(t->a.shape[i] - 1, t->stride[i], &step)
			|| __builtin_add_overflow(last, step, &last)
			|| __builtin_mul_overflow(bytes, t->a.shape[i], &bytes);
	}
	if (over || last >= t->numbers)
		die("%s: a view that leaves its storage of %zu numbers", who, t->numbers);
}

/* Of _rebuild_tensor_v2(storage, offset, size, stride, ...). */
static struct tensor read_tensor(const struct pt *p, const char *who, uint32_t v)
{
	struct tensor t = {0};
	const struct pickle_value *args = value(p, value(p, v)->item[1]), *size, *stride;

	if (args->kind != PICKLE_TUPLE || args->items < 4)
		die("%s: a tensor that cannot be read", who);
	size = value(p, args->item[2]);
	stride = value(p, args->item[3]);
	if (args->items > 6 && value(p, args->item[6])->items > 0)
		die("%s: numbers that are to be negated or conjugated: save its resolve_neg()",
			who);
	if (size->kind != PICKLE_TUPLE || stride->kind != PICKLE_TUPLE
			|| size->items != stride->items || size->items > ARRAY_RANK)
		die("%s: a shape that cannot be read", who);
	read_storage(p, who, args->item[0], &t);
	t.offset = size_at(p, who, args->item[1]);
	t.a.rank = size->items;
	for (size_t i = 0; i < t.a.rank; i++) {
		t.a.shape[i] = size_at(p, who, size->item[i]);
		t.stride[i] = size_at(p, who, stride->item[i]);
	}
	check_view(who, &t);
	return t;
}

/* Do the numbers lie in order, the last dimension first (or, turned, a matrix's first)? */
static bool in_order(const struct tensor *t, bool turned)
{
	size_t next = 1;

	if (turned && t->a.rank != 2)
		return false;
	for (size_t i = 0; i < t->a.rank; i++) {
		size_t k = turned ? i : t->a.rank - 1 - i;
		if (t->a.shape[k] != 1 && t->stride[k] != next)
			return false;
		next *= t->a.shape[k];
	}
	return true;
}

/* The numbers of value v in order; of one that was asked for before, the same. */
static void *copied(struct pt *p, uint32_t v, const struct tensor *t)
{
	size_t n = array_count(&t->a), bytes = sm_dtype_size(t->a.dtype);
	size_t index[ARRAY_RANK] = {0}, from = t->offset;

	for (size_t i = 0; i < p->copies; i++)
		if (p->copy[i].of == v)
			return p->copy[i].numbers;
	memory_need((double)n * (double)bytes, NULL, "%s: a view of %zu numbers", p->name, n);
	char *to = xalloc(n, bytes);
	for (size_t i = 0; i < n; i++) {
		memcpy(to + i * bytes, t->data + from * bytes, bytes);
		for (size_t k = t->a.rank; k-- > 0; ) {
			from += t->stride[k];
			if (++index[k] < t->a.shape[k])
				break;
			from -= t->stride[k] * index[k];
			index[k] = 0;
		}
	}
	p->copy = xrealloc(p->copy, p->copies + 1, sizeof *p->copy);
	p->copy[p->copies++] = (struct copy){v, to};
	return to;
}

static void find_tensor(struct pt *p, const char *who, uint32_t v, bool turned, struct array *a)
{
	struct tensor t = read_tensor(p, who, v);
	size_t n = array_count(&t.a);
	bool ordered = n == 0 || in_order(&t, false);

	*a = t.a;
	a->fortran = !ordered && turned && in_order(&t, true);
	a->data = n == 0 ? t.data : ordered || a->fortran
		? t.data + t.offset * sm_dtype_size(t.a.dtype) : copied(p, v, &t);
}

bool pt_find(struct pt *p, const char *key, bool turned, struct array *a)
{
	const json_t *number = key ? json_object_get(p->tensors, key) : NULL;
	uint32_t v = unwrapped(p, p->pickle.root);

	if (key && !number && (number = json_object_get(p->numbers, key))) {
		const struct pickle_value *x = value(p, (uint32_t)json_integer_value(number));
		*a = (struct array){.dtype = x->kind == PICKLE_INT ? SM_I8 : SM_F8,
			.data = &x->integer};
		return true;
	}
	if (key ? !number : !is_made_by(p, v, "_rebuild_tensor_v2"))
		return false;
	char *who = xasprintf("%s%s%s", p->name, key ? ":" : "", key ? key : "");
	find_tensor(p, who, key ? (uint32_t)json_integer_value(number) : v, turned, a);
	free(who);
	return true;
}

/* -- Settings ---------------------------------------------------------------------------------- */

static json_t *tree(struct pt *p, uint32_t v, size_t depth);

static json_t *tree_of_items(struct pt *p, uint32_t v, size_t depth)
{
	struct pickle_value *x = &p->pickle.value[v];
	bool map = x->kind == PICKLE_MAP;
	json_t *all = map ? json_object() : json_array();

	if (depth == DEPTH_MOST || x->visited)
		return all;
	x->visited = true;
	for (size_t i = 0; i + map < x->items; i += 1 + map) {
		const struct pickle_value *it = value(p, x->item[i + map]);
		count_visit(p, it->kind == PICKLE_TEXT ? it->text.n : 0);
		json_t *item = tree(p, x->item[i + map], depth + 1);
		char *key = map ? key_text(p, x->item[i]) : NULL;
		if (key)
			json_object_set_new(all, key, item);
		else if (!map)
			json_array_append_new(all, item);
		else
			json_decref(item);
		free(key);
	}
	x->visited = false;
	return all;
}

static json_t *tree(struct pt *p, uint32_t v, size_t depth)
{
	const struct pickle_value *x = value(p, v);

	switch (x->kind) {
	case PICKLE_NONE: return json_null();
	case PICKLE_BOOL: return json_boolean(x->integer);
	case PICKLE_INT: return json_integer(x->integer);
	case PICKLE_FLOAT: return json_real(x->real);
	case PICKLE_TEXT: return json_stringn(x->text.at, x->text.n);
	case PICKLE_LIST: case PICKLE_TUPLE: case PICKLE_MAP: return tree_of_items(p, v, depth);
	case PICKLE_OBJECT: return x->map ? tree_of_items(p, x->map, depth) : NULL;
	default: return NULL;
	}
}

json_t *pt_settings(struct pt *p)
{
	const struct pickle_value *root = value(p, p->pickle.root);
	json_t *cfg = json_object_get(p->before, "cfg");

	if (p->before)
		return json_incref(json_is_object(cfg) ? cfg : p->before);
	if (root->kind == PICKLE_OBJECT && root->map)
		root = value(p, root->map);
	for (size_t i = 0; root->kind == PICKLE_MAP && i < root->items && !cfg; i += 2)
		if (pickle_is_text(&p->pickle, root->item[i], "cfg")
				|| pickle_is_text(&p->pickle, root->item[i], "config"))
			cfg = tree(p, root->item[i + 1], 0);
	if (json_is_object(cfg))
		return cfg;
	json_decref(cfg);
	return NULL;
}

/* -- The file ---------------------------------------------------------------------------------- */

/* The line of JSON before the archive: its length, 0 for none. */
static size_t line_before(struct pt *p, const char *bytes, size_t n)
{
	json_error_t error;
	size_t at = 1;

	if (n < 5 || *bytes != '{')
		return 0;
	while (at < PREFIX_MOST && at + 4 < n && memcmp(bytes + at, "\nPK\3\4", 5) != 0)
		at++;
	if (at == PREFIX_MOST || at + 4 >= n)
		return 0;
	p->before = json_loadb(bytes, at, 0, &error);
	return p->before ? at + 1 : 0;
}

/* The pickle's member; NULL when there is none. */
static const struct zip_member *find_pickle(struct pt *p)
{
	static const char end[] = "/data.pkl";
	const struct zip_member *found = NULL;
	size_t length = sizeof end - 1;

	for (size_t i = 0; i < p->zip.members; i++) {
		const struct zip_member *m = &p->zip.member[i];
		if (m->name_length < length
				|| memcmp(m->name + m->name_length - length, end, length) != 0)
			continue;
		if (found)
			die("%s: two pickles", p->name);
		found = m;
	}
	if (found)
		p->root = xasprintf("%.*s", (int)(found->name_length - length + 1), found->name);
	return found;
}

static const struct zip_member *member(const struct pt *p, const char *name)
{
	char *full = xasprintf("%s%s", p->root, name);
	const struct zip_member *m = zip_find(&p->zip, full);

	free(full);
	return m;
}

struct pt *pt_open(const char *name, const char *bytes, size_t n)
{
	struct pt *p = xcalloc(1, sizeof *p);
	const struct zip_member *pickle, *order;

	p->name = name;
	size_t at = line_before(p, bytes, n);
	if (!zip_open(&p->zip, bytes + at, n - at) || !(pickle = find_pickle(p))) {
		pt_close(p);
		return NULL;
	}
	if (member(p, "constants.pkl"))
		die("%s: a program of TorchScript: save its state_dict() with torch.save", name);
	order = member(p, "byteorder");
	if (order && !(order->n == 6 && order->bytes && memcmp(order->bytes, "little", 6) == 0))
		die("%s: numbers that are not little-endian", name);
	if (!pickle->bytes)
		die("%s: its pickle is compressed: torch.save stores it as it is", name);
	p->pickle = pickle_read(name, pickle->bytes, pickle->n);
	p->tensors = json_object();
	p->numbers = json_object();
	collect(p, p->pickle.root, "", 0);
	return p;
}

void pt_close(struct pt *p)
{
	zip_close(&p->zip);
	free(p->root);
	pickle_free(&p->pickle);
	json_decref(p->tensors);
	json_decref(p->numbers);
	json_decref(p->before);
	for (size_t i = 0; i < p->copies; i++)
		free(p->copy[i].numbers);
	free(p->copy);
	free(p);
}
