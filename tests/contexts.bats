# contract: activations contexts --tokens {tokens} --vocab {sample}/vocab.txt --context 60
load helper

# acts LAYER OPTION...: activations of the sample
acts() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0" --layer "$1" \
		--no-point "${@:2}"
}

# agrees OPTION...: the contexts of ./a are those that plain Python takes
agrees() {
	contexts --quiet "$@" a >c
	oracle contexts check a c "$@"
}

@test "contexts are those that plain Python takes: random activations, equal ones, gaps" {
	for seed in 1 2 3 4 5 6; do
		oracle contexts make $seed >a
		agrees
		agrees --top 1 --lower 5 --before 0 --after 0 --seed 3
		agrees --top 4 --lower 2 --before 2 --after 7
		agrees --before 100 --after 0 --lower 0
	done
	oracle contexts make 7 >a
	agrees --before 0 --after 30 --top 500 --lower 500
}

@test "contexts of the sample are those that plain Python takes, and none runs into the next" {
	acts 6 --tokens "$SAMPLE/tokens.npy" >a
	agrees --lower 2
	contexts --vocab "$SAMPLE/vocab.txt" a >c 2>notes
	[ ! -s notes ]
	oracle contexts print c >text
	[ "$(wc -l <text)" -gt 1500 ]
	grep -q "the capital of the state containing\[ tidoville\] is" text
	cut -f 4 text | sed 's/^\[* <bos>//' >rest
	grep -q "^ [a-z]" rest
	refute grep -q "<bos>" rest
}

@test "sequences: the header says how long they are, or --context, or the shape of --tokens" {
	acts 6 --tokens "$SAMPLE/tokens.npy" >a
	contexts a | framecat --header | grep -q '"context":64'
	cp "$SAMPLE/tokens.npy" .
	"$PY" -c 'import numpy as np; np.save("flat", np.load("tokens.npy").ravel())'
	acts 6 --tokens flat.npy --context 64 >b
	contexts a | frame2json | sed 1d >sequences
	contexts b | frame2json | sed 1d | cmp - sequences
	acts 6 >b
	contexts --tokens "$SAMPLE/tokens.npy" b | frame2json | sed 1d | cmp - sequences
	contexts --tokens flat.npy --context 64 b | frame2json | sed 1d | cmp - sequences
	contexts --tokens flat.npy b 2>notes | frame2json | sed 1d >text
	grep -qx "contexts: b: nothing says where sequences end (--context): .*" notes
	refute cmp -s text sequences
	fails 1 contexts --context 32 a
	[ "$line" = "contexts: a: header: sequences are of 64 tokens, --context says 32" ]
}

@test "tokens that were left out end a context" {
	"$PY" -c 'import numpy as np; np.save("ids", np.arange(4096) % 64 % 20)'
	acts 6 --tokens ids.npy --skip-ids 7 --context 64 --skip 1 >a 2>notes
	agrees --before 20 --after 20
	contexts --before 20 --after 20 --top 50 a | "$PY" -c '
from semot import read
(header, frames), = read("-")
assert 7 not in frames[0]["id"] and max(frames[0]["begin"][1:] - frames[0]["begin"][:-1]) == 19'
}

@test "how the tokens are divided into frames changes nothing, and streams follow one another" {
	oracle contexts make 2 >a
	"$PY" - <<-'PYTHON' >b
	import numpy as np
	from semot import read, write
	(header, frames), = read("a")
	def one(f, t):
	    part = slice(f["indptr"][t], f["indptr"][t + 1])
	    return {"token": f["token"][t:t + 1], "vocab": f["vocab"][t:t + 1],
	            "feature": f["feature"][part], "value": f["value"][part],
	            "indptr": np.array([0, part.stop - part.start], "<u4")}
	write("-", header, [one(f, t) for f in frames for t in range(len(f["token"]))])
	PYTHON
	contexts --quiet a >whole
	contexts --quiet b >parts
	oracle same parts whole
	oracle contexts make 3 >c
	cat b c | contexts --quiet | frame2json >both
	{ contexts --quiet b; contexts --quiet c; } | frame2json >each
	diff <(grep -v '^{"semot"' both) <(grep -v '^{"semot"' each)
}

@test "features that fire together show the same lower contexts" {
	"$PY" - <<-'PYTHON' >a
	import numpy as np
	from semot import write
	rng, n = np.random.default_rng(0), 4000
	value = np.where(rng.random(n) < .1, rng.random(n), 0).astype("<f4")
	row = np.flatnonzero(value)
	header = {"kind": "activations", "layer": "1", "features": 2, "context": 100, "history": []}
	write("-", header, [{
	    "token": np.arange(n, dtype="<u4"), "vocab": np.arange(n, dtype="<u4"),
	    "indptr": (2 * np.searchsorted(row, np.arange(n + 1))).astype("<u4"),
	    "feature": np.tile(np.array([0, 1], "<u4"), len(row)),
	    "value": np.stack([value[row], value[row] * 3], 1).ravel()}])
	PYTHON
	contexts --lower 5 --top 5 a >c
	oracle contexts print c | awk '$1 == 0' | cut -f 2- >one
	oracle contexts print c | awk '$1 == 1' | cut -f 2- | diff - one
	[ "$(wc -l <one)" -eq 15 ]
	contexts --lower 5 --top 5 --seed 1 a >d
	refute cmp -s <(oracle contexts print d | awk '$1 == 0' | cut -f 2-) one
}

@test "strings of all kinds of vocabulary are what plain Python makes of them" {
	for kind in bytes_tokenizer bytes_vocab bytes_lines gemma_tokenizer unigram_tokenizer \
			spaced_vocab wordpiece_tokenizer wordpiece_lines suffix_tokenizer \
			words_lines plain_lines broken_lines; do
		for seed in 0 1; do
			oracle vocab make $kind $seed file >a
			contexts --top 65536 --vocab file a >c 2>notes
			oracle vocab check $kind $seed c
			case $kind in
			bytes_vocab | bytes_lines) note="look like byte-level BPE" ;;
			spaced_vocab) note="look like sentencepiece" ;;
			wordpiece_lines) note="look like WordPiece" ;;
			*) note= ;;
			esac
			[ -n "$note" ] || [ ! -s notes ]
			[ -z "$note" ] || grep -q "file: its strings $note (--marks" notes
		done
	done
}

@test "--marks decides; strings of two kinds are refused without it" {
	printf '%s\n' 'Ġthe' '▁the' 'dog' '##s' >both
	"$PY" - <<-'PYTHON' >a
	import numpy as np
	from semot import write
	four = np.arange(4, dtype="<u4")
	write("-", {"kind": "activations", "layer": "1", "features": 4, "history": []}, [{
	    "token": four, "vocab": four, "indptr": np.arange(5, dtype="<u4"), "feature": four,
	    "value": np.ones(4, "<f4")}])
	PYTHON
	texts() {
		contexts --context 4 --vocab both --marks "$1" a | frame2json |
			sed -n 's/.*"text":\[\(.*\)\]}/\1/p'
	}
	[ "$(texts bytes)" = '" the","▁the","dog","##s"' ]
	[ "$(texts sentencepiece)" = '"Ġthe"," the","dog","##s"' ]
	[ "$(texts wordpiece)" = '" Ġthe"," ▁the"," dog","s"' ]
	[ "$(texts words)" = '" Ġthe"," ▁the"," dog"," ##s"' ]
	[ "$(texts none)" = '"Ġthe","▁the","dog","##s"' ]
	fails 1 contexts --vocab both a
	[ "${line#contexts: both: its strings }" = \
		"have marks of several kinds of tokenizer: --marks says which kind it is" ]
	printf '%s\n' 'Ġob' 'Ġara' 'żabba' 'ħobż' >both		# Maltese: no bytes
	fails 1 contexts --vocab both a
	[[ $line == "contexts: both: its strings have marks of several kinds"* ]]
}

@test "a vocabulary that is none is refused in one line" {
	oracle contexts make 1 >a
	# no TEXT MESSAGE
	no() {
		printf "$1" >file
		fails 1 contexts --quiet --vocab file a
		[[ $line == "contexts: file: "*"$2"* ]] || { echo "$line"; return 1; }
	}
	no '' 'no strings'
	no '{"a":0' 'the text ends too early'
	no '{"a":-1}' 'no id below 1048584'
	no '{"a":1048592}' 'byte 5: no id below 1048589'
	no '{"a":0.5}' 'no id below'
	no '{"a":0,"b":0}' 'two strings of the id 0'
	no '{"model":{}}' 'the model has no vocab'
	no '{"model":{"vocab":3}}' 'the model has no vocab'
	no '{"model":{"vocab":[["a",0],[]]}}' 'piece 1 is empty'
	no '{"model":{"vocab":[[0,"a"]]}}' 'a string expected'
	no '{"model":{"vocab":{}},"added_tokens":[{"id":3}]}' 'an added token without id or content'
	no '{"model":{"vocab":{}},"added_tokens":[{"id":"3","content":"x"}]}' 'no id below'
	no 'a\0b' 'a zero byte'
	fails 1 contexts --vocab nothing a
	fails 2 contexts --marks other a
	for kind in bytes_tokenizer unigram_tokenizer; do
		oracle vocab make $kind 0 file >b
		oracle mutate file contexts --quiet --vocab {} b
	done
}

@test "ids: carried, or of --tokens, and each with a string" {
	acts 6 >a
	fails 1 contexts a
	[[ $line == *": no vocabulary ids of the tokens: --tokens FILE has them, here or in "* ]]
	"$PY" -c '
import numpy as np
np.save("few", np.zeros(4095, "i4"))
np.save("negative", -np.ones(4096, "i4"))
np.save("large", np.full(4096, 326))
np.save("other", np.zeros(4096, "i4"))'
	fails 1 contexts --tokens few.npy a
	[ "$line" = "contexts: a: header: of 4096 tokens, few.npy has 4095 ids" ]
	fails 1 contexts --quiet --tokens negative.npy a
	[ "$line" = "contexts: negative.npy: token 0 has the id -1" ]
	fails 1 contexts --quiet --tokens large.npy --vocab "$SAMPLE/vocab.txt" a
	[[ $line == *": token 0 has the id 326, which "*" has no string for (326 strings)" ]]
	acts 6 --tokens "$SAMPLE/tokens.npy" >b
	fails 1 contexts --quiet --tokens other.npy b
	[[ $line == *": token 1 is "*" of the vocabulary, other.npy has 0: the texts differ" ]]
	echo '{"a":0,"b":325}' >v
	fails 1 contexts --quiet --vocab v b
	[[ $line == *", which v has no string for (2 strings)" ]]
}

@test "what is wrong with activations is said in one line" {
	oracle contexts make 1 >a
	# refused PYTHON: what is said once this was done to header, f
	refused() {
		"$PY" - "$1" <<-'PYTHON' >broken
		import sys
		from semot import read, write
		[(header, frames)] = read("a")
		f = frames[0]
		exec(sys.argv[1])
		write("-", header, frames)
		PYTHON
		fails 1 contexts --quiet broken
		echo "$line"
	}
	refused 'f["token"][3] = 0' | grep -q "tokens have to ascend"
	refused 'f["feature"][5] = 999' | grep -q "feature 999 of"
	refused 'f["value"][2] = float("nan")' | grep -q "not finite"
	refused 'f["value"][2] = -1' | grep -q "1 activations are negative"
	refused 'f["feature"][:2] = 0; f["indptr"][1] = 2' | grep -q "stands twice on token"
	refused 'f["indptr"][-1] += 1' | grep -q "indptr"
	refused 'header["features"] = 2**40' | grep -q ": the limit is 67108864"
	refused 'del f["vocab"]' | grep -q "no vocabulary ids"
	refused 'f["vocab"] = f["vocab"].astype("<i4")' | grep -q "<i4, not <u4"
	refused 'header["kind"] = "distances"' | grep -q "where activations are read"
}

@test "activations whose tensors lie: taken or refused, never a crash" {
	"$PY" -c 'import numpy as np, make_stream; np.save("ids", make_stream.tokens())'
	oracle mutate --stream activations contexts --quiet --tokens ids.npy
	oracle mutate --stream activations contexts --quiet --tokens ids.npy --lower 3 --before 2
}

@test "a stream of contexts that is wrong is refused in one line by those that read it" {
	stream contexts >c
	stream matching >m
	match2html --contexts c m >page
	# refused PYTHON: what is said once this was done to header, frames, f
	refused() {
		"$PY" - "$1" <<-'PYTHON' >broken
		import sys
		import numpy as np
		from semot import read, write
		[(header, frames)] = read("c")
		texts, f, g = frames
		exec(sys.argv[1])
		write("-", header, frames)
		PYTHON
		fails 1 match2html --contexts broken m
		echo "$line"
	}
	refused 'texts["vocab"][1] = 0' | grep -q "id 0 after id 0: vocab has to ascend"
	refused 'texts["text"].pop()' | grep -q "text has 7 entries, not 8"
	refused 'frames.append(texts)' | grep -q "texts, which stand in the first frame alone"
	refused 'f["feature"][1] = 1' | grep -q "feature 1 after feature 1"
	refused 'g["feature"][0] = 3' | grep -q "feature 3 after feature 6"
	refused 'g["feature"][-1] = 12' | grep -q "feature 12 of 12"
	refused 'f["range"][4] = 3' | grep -q "context 4 of feature 1 is of range 3"
	refused 'f["range"][3] = 2; f["range"][4] = 1' | grep -q "4 of feature 1 is of range 1"
	refused 'f["at"][6] = 9' | grep -q "context 1 of feature 2 has its peak at 9 of"
	refused 'f["begin"][7] = f["begin"][6]' | grep -q "context 1 of feature 2 has its peak"
	refused 'f["begin"][-1] += 1' | grep -q "begin runs from 0"
	refused 'f["indptr"][2] = 99' | grep -q "indptr row 2 descends"
	refused 'f["value"][3] = np.nan' | grep -q "value 3 is nan"
	refused 'f["peak"][0] = -1' | grep -q "peak 0 is -1"
	refused 'f["density"] = f["density"].astype("<f8")' | grep -q "<f8, not <f4"
	cat c c >broken
	fails 1 match2html --contexts broken m
	[[ $line == *": a second stream of contexts of layer '3'" ]]
	oracle mutate --stream contexts match2html --contexts - m
}

# peak TOKENS: kilobytes that contexts takes at most for so many tokens
peak() {
	oracle contexts large "$1" 200 8 >a
	/usr/bin/time -f %M contexts --quiet a 2>&1 >c | tail -n 1
}

@test "memory does not grow with the tokens" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	few=$(peak 20000)
	many=$(peak 200000)
	echo "$few $many"
	[ "$many" -lt $((few + 1000)) ]
}
