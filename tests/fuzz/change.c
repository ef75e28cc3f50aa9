/* Changes of bytes, whatever they mean: bits, integers, pieces, words and numbers of text. */
#include "fuzz.h"

#include <math.h>
#include <string.h>

uint64_t dice;

size_t below(size_t n)
{
	uint64_t z = dice += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return n > 0 ? (size_t)((z ^ z >> 31) % n) : 0;
}

#define WORD(text) {text, sizeof text - 1}
static const struct word numbers[] = {
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
	WORD("</script>"), WORD("%s%n"), WORD("../../x"), WORD("\t"), WORD("E"), WORD("lorsa"),
	WORD("$bytes"), WORD("$number"), WORD("$map"), WORD("$list"), WORD("$text"), WORD("semot"),
	WORD("$extension"), WORD("end"), WORD("history"), WORD("kind"), WORD("1_3_1"),
};
#define SOME(list) list[below(sizeof list / sizeof *list)]

struct word some_word(void)
{
	return SOME(words);
}

struct word some_number(void)
{
	return SOME(numbers);
}

int64_t some_integer(void)
{
	static const int64_t of[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 59, 60, 127, 128, 255, 256,
		4096, 65535, 65536, 1 << 20, 50000000, INT32_MAX, (int64_t)INT32_MAX + 1,
		UINT32_MAX, (int64_t)UINT32_MAX + 1, INT64_MAX, -1, -2, INT32_MIN, INT64_MIN};

	return SOME(of);
}

double some_real(void)
{
	static const double of[] = {0, -0.0, 1, -1, NAN, INFINITY, -INFINITY, 1e-45, 1e-38, 1e38,
		3.4e38, -1e-45, 1e15, 1e300, -1e300, 1e-300, .5, 2, 1e-12, 16777216, 4294967295.,
		0x1p63, 1 + 1e-7};

	return SOME(of);
}

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

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t most) __attribute__((weak));

size_t change_bytes(uint8_t *bytes, size_t n, size_t most)
{
	if (LLVMFuzzerMutate && n > 0 && below(2))
		return LLVMFuzzerMutate(bytes, n, most);
	for (size_t i = 0, times = 1 + below(3); i < times; i++)
		n = alter_once(bytes, n, most);
	return n;
}
