load helper
# contract: activations coact
# fuzz: activations coact --metric jaccard --top 2
# fuzz: activations coact --coupling {coupling} - {next}

METRICS="pearson jaccard joint"

setup() {
	cd "$BATS_TEST_TMPDIR"
	oracle coact make a 500 1 silent always constant offset nearly
	oracle coact make b 500 2 always offset silent constant nearly offset
}

# act LAYER: activations of the sample
act() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0/params.npz" \
		--layer "$1" --no-point
}

@test "numpy's correlation, Jaccard index, probability: features that always, never, seldom fire" {
	for metric in $METRICS; do
		coact --metric $metric a b >d
		oracle coact check $metric d a b
		coact --metric $metric a >d
		oracle coact check $metric d a
	done
	cmp <(coact a b | frame2json | sed 1d) <(coact --metric pearson a b | frame2json | sed 1d)
}

@test "on the sample" {
	act 2 >2
	act 4 >4
	for metric in $METRICS; do
		coact --metric $metric 2 4 >d
		oracle coact check $metric d 2 4
	done
	coact 2 >d
	oracle coact check pearson d 2
	framecat --header d |
		grep -q '"tokens":4096,"metric":"1 - Pearson correlation","rows":512,"cols":512'
}

@test "joined streams are one set; stdin holds one set or two" {
	cat a b >both
	coact both >d
	oracle coact check pearson d both
	counts=$(frame2tsv --columns row_layer d | sort | uniq -c | tr -s ' \n' ' ')
	[ "$counts" = " 1800 a 1800 b 1 row_layer " ]
	coact --metric jaccard both b >d
	oracle coact check jaccard d both b
	coact a b | frame2json | tail -n +2 >expected
	for command in "coact" "coact - -"; do
		$command <both | frame2json | tail -n +2 | cmp - expected
	done
	coact a - <b | frame2json | tail -n +2 | cmp - expected
	coact - <both | frame2json | sed 1d | cmp - <(coact both | frame2json | sed 1d)
}

@test "scaling activations changes nothing, and only Pearson asks how much they are" {
	"$PY" -c '
import numpy as np
from semot import read, write
(header, frames), = read("a")
for name, by in ("scaled", 1024), ("other", np.float32(np.pi)):
    for f in frames:
        f["value"] = f["value"] * np.float32(by) if name == "scaled" else f["value"] ** by
    write(name, header, frames)'
	for metric in $METRICS; do
		cmp <(coact --metric $metric a b | frame2json | sed 1d) \
			<(coact --metric $metric scaled b | frame2json | sed 1d)
	done
	for metric in jaccard joint; do
		cmp <(coact --metric $metric a b | frame2json | sed 1d) \
			<(coact --metric $metric other b | frame2json | sed 1d)
	done
	refute cmp -s <(coact a b | frame2json | sed 1d) <(coact other b | frame2json | sed 1d)
}

@test "a set beside itself: 0 where something fires; 1 from a feature that never does to others" {
	for metric in $METRICS; do
		coact --metric $metric a a | frame2json | "$PY" -c '
import json, sys
d = json.loads(sys.stdin.readlines()[2])["dist"][2]
constant = 2 if sys.argv[1] == "pearson" else 0		# of no variance: correlates with nothing
assert all(d[31 * i] == (i in (0, constant)) for i in range(30)), d[::31]
assert all(0 <= x <= 2 for x in d) and set(d[:30]) == {1}' $metric
		coact --metric $metric a | frame2json | "$PY" -c '
import json, sys
d = json.loads(sys.stdin.readlines()[2])["dist"][2]
assert d[0] == 0 and set(d[1:30]) == {1} and not any(d[::31])'
	done
}

@test "--top holds each row's nearest" {
	for metric in $METRICS; do
		coact --metric $metric a b >whole
		for k in 1 4 99; do
			coact --metric $metric --top $k a b >some
			oracle nearest whole some $k
		done
	done
	coact a >whole
	coact --top 3 a >some
	oracle nearest whole some 3
}

@test "--top of rare features, most of which never fire together: the numbers of the whole" {
	"$PY" -c '
import numpy as np
from semot import write
rng = np.random.default_rng(0)
for name in "abc":
    x = np.zeros((300, 150))
    for i in range(150):        # from never to a few tokens; of one value, so that there are ties
        x[rng.integers(300, size=i % 5 * (1 + i % 3)), i] = rng.choice([1, 1, .5, 2])
    x[:, 7], x[:, 8] = 3, 1000 + rng.random(300)        # always
    row, feature = np.nonzero(x)
    indptr = np.searchsorted(row, np.arange(301))
    write(name, {"kind": "activations", "layer": name, "features": 150, "history": []}, [
        {"token": np.arange(300, dtype="<u4"), "indptr": indptr.astype("<u4"),
         "feature": feature.astype("<u4"), "value": x[row, feature].astype("<f4")}])'
	cat a c >ac
	cat b a >ba
	for metric in $METRICS; do
		for sides in "ac ba" ac; do
			coact --metric $metric $sides >whole
			for k in 1 3 20 299; do
				coact --metric $metric --top $k --threads 2 $sides >some
				oracle nearest whole some $k
			done
		done
		oracle coact check $metric whole ac
	done
}

@test "blocks of rows have the bits of the whole, of one set and of two" {
	for sides in "a b" a; do
		coact $sides | frame2json | "$PY" -c 'import json, sys
print(json.loads(sys.stdin.readlines()[2])["dist"][2])' >whole
		for i in 1 2 3 4; do coact --rows $i/4 $sides; done | frame2json | "$PY" -c '
import json, sys
print(sum((x["dist"][2] for x in map(json.loads, sys.stdin) if "dist" in x), []))' >parts
		cmp whole parts
	done
}

@test "both sides have to be over the same tokens" {
	oracle coact make shorter 499 2
	oracle coact make longer 501 2
	"$PY" -c '
from semot import read, write
(header, frames), = read("b")
frames[1]["token"][5] += 1
write("other", header, frames)'
	fails 1 coact a shorter
	same="the tokens have to be the same"
	[ "$line" = "coact: shorter: frame 8: 499 tokens, where a has 500: $same" ]
	fails 1 coact a longer
	[ "$line" = "coact: longer: frame 8: token 1500, beyond the last of a: $same" ]
	fails 1 coact a other
	[ "$line" = "coact: other: frame 2: token 226, where a has 225: $same" ]
	cat b other >two
	fails 1 coact two
	[ "$line" = "coact: two: stream 2: frame 2: token 226, where two has 225: $same" ]
}

@test "what is no stream of activations is refused" {
	stream distributions >d
	fails 1 coact a d
	fails 2 coact a b a
	fails 2 coact --metric cosine a
	fails 1 coact - - < <(cat a a a)
	[ "$line" = "coact: stdin: 3 streams, where - - reads two" ]
	{ cat a; renamed x <a; renamed y <a; } | coact >/dev/null
	fails 1 coact < <(cat a a a)
	[[ $line == "coact: stdin: a second stream of layer '"*"': act-dump --layer "* ]]
	"$PY" -c '
from semot import read, write
(header, frames), = read("a")
write("many", {**header, "features": 2**26}, frames)
frames[0]["feature"][1] = frames[0]["feature"][0]
write("twice", header, frames)'
	fails 1 coact many
	[[ $line == *"67108864 features: the limit is 16777216" ]]
	fails 1 coact twice
	[[ $line == *"feature 1 stands twice on token 0" ]]
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream activations coact --quiet --threads 1
}

@test "the output is the same for any number of threads" {
	for options in "" "--top 3" "--rows 2/3"; do
		cmp <(coact --threads 1 $options a b) <(coact --threads 3 $options a b)
	done
}

@test "--error is numpy's by halvings of the tokens, and the same in any part" {
	oracle coact make c 400 3 silent offset always nearly
	oracle coact couple g a c 1 3 alone
	for metric in $METRICS; do
		for sides in "a b" "a a" "a c g"; do
			read -r x y g <<<"$sides"
			options=(--quiet --metric $metric ${g:+--coupling $g})
			[ "$x" = "$y" ] && files=("$x") || files=("$x" "$y")
			coact "${options[@]}" "${files[@]}" >plain
			coact "${options[@]}" --error 3 "${files[@]}" >whole
			oracle coact errors $metric plain whole "$x" "$y" $g
			coact "${options[@]}" --error 3 --threads 3 "${files[@]}" | cmp - whole
			for i in 1 2; do
				coact "${options[@]}" --error 3 --rows $i/2 "${files[@]}" >$i
			done
			framecat --merge 2 1 | cmp - whole
			for k in 1 29; do
				coact "${options[@]}" --error 3 --top $k "${files[@]}" >top.$k
			done
			oracle stages parts whole top.* 1 2
		done
	done
}

@test "--error is about how far the distances of other samples deviate" {
	oracle coact resampled .
	coact --error 8 same.a same.b >same
	coact --error 8 --coupling one.g one.a one.b >one 2>notes
	coact --error 8 --coupling few.g few.a few.b >few 2>notes
	oracle coact deviations same one few
}

# -- Through a coupling ---------------------------------------------------------------------------

@test "coupled: numpy's means of two correlations, Jaccard indices, probabilities" {
	oracle coact make c 400 3 silent offset always nearly nearly constant
	for most in 1 2 6; do
		oracle coact couple g a c 1 $most
		for metric in $METRICS; do
			coact --metric $metric --coupling g a c >d 2>notes
			oracle coact lifted $metric d g a c
			[ ! -s notes ]
		done
	done
	cat a b >ab
	{ cat c; renamed d <c; } >cc
	coact --coupling g ab cc >d
	oracle coact lifted pearson d g ab cc
	coact --coupling g --metric jaccard ab cc >d
	oracle coact lifted jaccard d g ab cc
}

@test "coupled: tokens without a partner do not count, and are counted" {
	oracle coact make c 400 3 silent offset always nearly nearly constant
	oracle coact couple g a c 1 4 alone
	for metric in $METRICS; do
		coact --metric $metric --coupling g a c >d 2>notes
		oracle coact lifted $metric d g a c
		alone="[1-9][0-9]* of 500 tokens of a and [1-9][0-9]* of 400 tokens of c"
		grep -Eqx "coact: $alone have no partner and do not count" notes
	done
	coact --quiet --coupling g a c 2>&1 >/dev/null | cmp - /dev/null
}

@test "coupled: a feature that is the same on all tokens with a partner is like no other" {
	for tokens in 7 50 300; do
		for more in 0 1; do
			"$PY" -c '
import sys
import coact, numpy as np
n, more = map(int, sys.argv[1:])
rng = np.random.default_rng(n)
x, y, g = np.zeros((n + 9, 30)), np.zeros((n + 5, 30)), np.zeros((n + 9, n + 5))
x[:n], y[:n] = rng.exponential(1, (2, 30))
x[:, 25:], y[:, 25:] = rng.random((n + 9, 5)), rng.random((n + 5, 5))
x[:, 24] = 0					# silent: its errors are infinite
g[:n, :n] = np.diag(rng.random(n) + .1) + more * np.eye(n, k=1)
token = np.arange(n + 9, dtype="<u4")
coact.write_dense("x", x, token)
coact.write_dense("y", y, token[:n + 5])
coact.write_coupling("g", token, token[:n + 5], g)' $tokens $more
			coact --quiet --coupling g x y >d
			oracle coact lifted pearson d g x y
			coact --quiet --error 3 --coupling g x y >e
			oracle coact errors pearson d e x y g
		done
	done
}

@test "coupled with themselves, tokens give the bits of the same tokens" {
	"$PY" -c '
import coact, numpy as np
token = 3 * np.arange(500, dtype="<u4")
coact.write_coupling("g", token, token, np.diag(np.linspace(.1, 7, 500)))'
	cat a b >ab
	for metric in $METRICS; do
		for options in "" "--top 5" "--rows 2/3"; do
			coact --metric $metric $options a b | frame2json | tail -n +2 >plain
			coact --metric $metric $options --coupling g a b | frame2json | tail -n +2 |
				cmp - plain
			coact --metric $metric $options b ab | frame2json | tail -n +2 >plain
			coact --metric $metric $options --coupling g b ab | frame2json |
				tail -n +2 | cmp - plain
		done
	done
}

@test "coupled: scaled activations, scaled weights and permuted tokens change nothing" {
	oracle coact make c 400 3 silent offset always
	oracle coact couple g a c 1 3 alone
	coact --quiet --coupling g a c >once
	"$PY" -c '
import coact, numpy as np
from act_dump import dense
from semot import read, write
def moved(path, scale, order):
    (header, frames), = read(path)
    token, x = dense(header, frames)
    x = (x * scale).astype("f4")[order]
    row, feature = np.nonzero(x)
    write(path + "2", header, [{"token": token.astype("<u4"),
        "indptr": np.searchsorted(row, np.arange(len(x) + 1)).astype("<u4"),
        "feature": feature.astype("<u4"), "value": x[row, feature]}])
rng = np.random.default_rng(0)
s, t = rng.permutation(500), rng.permutation(400)
moved("a", 2. ** rng.integers(-3, 3, 30), s)
moved("c", 2. ** rng.integers(-3, 3, 30), t)
g, row, col = coact.dense_coupling("g")
coact.write_coupling("g2", row, col, 4 * g[s][:, t])'
	coact --quiet --coupling g2 a2 c2 >again
	"$PY" -c '
import numpy as np, stages
one, other = (stages.read(x)[1] for x in ("once", "again"))
assert np.abs(one - other).max() < 1e-6 and np.ptp(one) > .5'
}

@test "coupled: --top, --rows and --threads are parts of the whole" {
	oracle coact make c 400 3 silent offset always
	for most in 1 3; do
		oracle coact couple g a c 1 $most alone
		for metric in $METRICS; do
			options=(--quiet --metric $metric --coupling g)
			coact "${options[@]}" a c >whole
			for k in 1 4 99; do
				coact "${options[@]}" --top $k a c >some
				oracle nearest whole some $k
				cmp some <(coact "${options[@]}" --top $k --threads 3 a c)
			done
			for i in 1 2 3; do coact "${options[@]}" --rows $i/3 a c >$i; done
			framecat --merge 2 3 1 | cmp - whole
		done
	done
}

@test "coupled: texts have to be the coupling's, numbers and ids" {
	oracle coact make c 400 3
	oracle coact couple g a c 1 2
	same="the tokens have to be the same"
	cols="the column text of g"
	fails 1 coact --coupling g c c
	[ "$line" = "coact: c: frame 6: 400 tokens, where the row text of g has 500: $same" ]
	fails 1 coact --coupling g a a
	[ "$line" = "coact: a: frame 6: token 1200, beyond the last of $cols: $same" ]
	fails 1 coact --coupling a a c
	[[ $line == "coact: a: header: a stream of activations, where couplings are read: "* ]]
	fails 1 coact --coupling <(cat g g) a c
	[[ $line == *"stream 2"*": a second stream, where one coupling is read" ]]
	fails 1 coact --coupling g - - <a
	again="its streams were read as another input, which is stdin, too"
	[ "$line" = "coact: stdin: empty: $again" ]
	fails 2 coact --coupling g a
	fails 2 coact --coupling g
	"$PY" -c '
import numpy as np
from semot import read, write
for name, shift in ("a", 0), ("c", 1):
    (header, frames), = read(name)
    for f in frames:
        f["vocab"] = f["token"] + shift
    write(name + "v", header, frames)
(header, (tokens, *blocks)), = read("g")
ids = {"row_vocab": tokens["row_token"], "col_vocab": tokens["col_token"]}
write("gv", header, [{**tokens, **ids}, *blocks])'
	coact --coupling gv a c | frame2json | sed 1d >plain
	coact --coupling g av cv | frame2json | sed 1d | cmp - plain
	fails 1 coact --coupling gv av cv
	cv="coact: cv: frame 1: token 0 is 1 of the vocabulary"
	[ "$line" = "$cv, the column text of gv has 0: the texts differ" ]
}

@test "a coupling whose tensors lie: taken or refused, never a crash" {
	stream activations >acts
	coact=(coact --quiet --threads 1 --coupling - "$PWD/acts" "$PWD/acts")
	oracle mutate --stream coupling "${coact[@]}"
}

@test "nothing coupled: all distances are 1" {
	stream coupling --empty >none
	stream activations --empty >empty
	framecat <(coact --coupling none empty empty) >out
	oracle coact couple g a b 1 1
	"$PY" -c '
import coact, numpy as np
token = 3 * np.arange(500, dtype="<u4")
coact.write_coupling("g", token, token, np.zeros((500, 500)))'
	for metric in $METRICS; do
		coact --quiet --metric $metric --coupling g a b >d
		oracle coact lifted $metric d g a b
		coact --quiet --metric $metric --top 3 --coupling g a b >some
		oracle nearest d some 3
	done
}
