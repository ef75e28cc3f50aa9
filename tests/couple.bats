load helper
# contract: activations couple - {next}
# fuzz: activations couple --by sinkhorn - {next}
# fuzz: activations couple --by cells --cells 2 - {next}

# made FILE TOKENS D SEED [SORT] [NAME=VALUE...]: activations with points
made() {
	oracle couple make "$@"
}

@test "numpy's K nearest both ways, of any numbers of tokens and dimensions" {
	for sizes in "300 200 7 1" "1 900 3 2" "900 1 3 3" "530 270 1 2" "700 900 300 5" \
		"1500 900 2304 2" "40 30 5 1000"; do
		read -r n m d k <<<"$sizes"
		made a "$n" "$d" 1
		made b "$m" "$d" 2
		couple --quiet --neighbours "$k" a b >g
		oracle couple nearest g "$k" a b
	done
	framecat --header g | grep -q '"row_model":"toy","row_layer":"3","col_model":"toy"'
}

@test "of equal distances the lower token is nearer" {
	made a 900 4 1 grid
	made b 700 4 2 grid
	for k in 1 4 50; do
		couple --quiet --neighbours $k a b >g
		oracle couple nearest g $k a b
	done
	couple --quiet --cells 20 --probes 5 --neighbours 3 a b >g
	oracle couple nearest g 3 a b 20 5
}

@test "points of f2 and bf16 are taken" {
	for sort in f2 bf16; do
		made a 300 20 1 $sort
		made b 200 20 2 $sort
		couple --quiet a b >g
		oracle couple nearest g 1 a b
	done
}

@test "a text with itself by nearest is the identity" {
	made a 1000 9 1
	couple --quiet a >g
	"$PY" -c '
import numpy as np
from couple import dense
_, _, g = dense("g")
assert np.array_equal(g, 2 * np.eye(1000))'
	couple --quiet a a >twice
	cmp <(frame2tsv g) <(frame2tsv twice)
	couple --by identity a | frame2tsv | sed 's/\t1\.0/\t2.0/' | cmp - <(frame2tsv g)
	couple --quiet --cells 30 --probes 2 a | frame2tsv | cmp - <(frame2tsv g)
}

@test "a permutation of the tokens permutes the coupling, and no more" {
	made a 600 30 1
	made b 500 30 2
	"$PY" -c '
import numpy as np
from semot import read, write
(header, frames), = read("a")
x = np.concatenate([f["point"] for f in frames])
order = np.random.default_rng(3).permutation(600)
np.save("order", order)
n = np.arange(600, dtype="<u4")
write("p", header, [{"token": n, "point": x[order], "indptr": np.zeros(601, "<u4"),
                     "feature": n[:0], "value": x[:0, 0]}])'
	couple --quiet --neighbours 3 a b >g
	couple --quiet --neighbours 3 p b >h
	couple --quiet --neighbours 3 b p >t
	"$PY" -c '
import numpy as np
from couple import dense
g, h, t = (dense(name)[2] for name in "ght")
order = np.load("order.npy")
assert np.array_equal(g[order], h) and np.array_equal(h.T, t)'
}

@test "--cells looks at pairs in cells near each other, and says how many nearest it found" {
	made a 900 6 1 clusters
	made b 800 6 2 clusters
	couple --quiet a b >exact
	for probes in 1 3 40; do
		couple --cells 40 --probes $probes a b >g 2>notes
		oracle couple nearest g 1 a b 40 $probes
		grep -q "^couple: of 1024 tokens, [0-9.]*% have their nearest: --probes" notes
	done
	grep -q "of 1024 tokens, 100.0%" notes
	cmp <(frame2tsv g) <(frame2tsv exact)
	couple --cells 40 --probes 1 a b 2>notes >g
	grep -q "of 1024 tokens, [1-9][0-9]\.[0-9]%" notes
	couple --quiet --cells 5000 --probes 30 a b | framecat --check
}

@test "--by sinkhorn: numpy's iterations between near tokens, POT's plan between all" {
	made a 300 5 1 clusters
	made b 240 5 2 clusters
	for options in "16 50 0.05" "5 3 0.2" "300 500 0.1" "300 2000 0.05"; do
		read -r k iters epsilon <<<"$options"
		couple --quiet --by sinkhorn --neighbours "$k" --max-iters "$iters" \
			--epsilon "$epsilon" --tol 1e-6 a b >g
		oracle couple sinkhorn g "$k" "$iters" "$epsilon" a b
	done
	couple --by sinkhorn --max-iters 2 a b 2>notes >g
	framecat --header g | grep -q '"by":"sinkhorn","neighbours":16,"epsilon":0.05'
	off="the plan's rows are off by 0\.[0-9]* (--tol 0.001)"
	grep -q "^couple: after 2 iterations $off" notes
	couple --by sinkhorn --neighbours 300 --max-iters 500 a b 2>&1 >g | refute grep iterations
	couple --quiet --by sinkhorn --epsilon 1e-6 a b | framecat --check
	made a 20 3 1 grid
	couple --quiet --by sinkhorn a a | framecat --check
}

@test "--by sinkhorn spreads 1 over each token's partners, however unequal the distances" {
	"$PY" -c '
import subprocess
import numpy as np
from couple import dense
from semot import write
rng = np.random.default_rng(4)
def text(name, x):
    n = np.arange(len(x), dtype="<u4")
    write(name, {"kind": "activations", "layer": "3", "features": 1, "history": []}, [
        {"token": n, "point": x.astype("<f4"), "indptr": np.zeros(len(x) + 1, "<u4"),
         "feature": n[:0], "value": np.zeros(0, "<f4")}])
near = rng.standard_normal((5, 3))
near[0] = 0					# the one that is drawn, by some seeds
spread = rng.standard_normal((60, 3)) * 10.0 ** rng.integers(-10, 14, (60, 1))
far = rng.standard_normal((60, 3))
far[7] = 1e15
for x, y in (near[:1], near), (spread[:33], spread[33:]), (far, far[:50] + 1):
    text("a", x)
    text("b", y)
    for seed in range(9):
        for epsilon in "1e-6", "1e6":
            with open("g", "wb") as g:
                subprocess.run(["couple", "--quiet", "--by", "sinkhorn", "--neighbours", "60",
                    "--seed", str(seed), "--epsilon", epsilon, "a", "b"], stdout=g, check=True)
            g = dense("g")[2]
            off = g.sum() / sum(g.shape) - 1
            assert np.isfinite(g).all() and g.any(0).all() and g.any(1).all()
            assert abs(off) < 1e-5, (seed, epsilon, off)'
}

@test "--by cells couples all tokens of a cell" {
	made a 900 6 1 clusters
	made b 800 6 2
	for c in 1 30 400; do
		couple --by cells --cells $c a b >g
		oracle couple cells g $c a b
	done
	refute cmp -s g <(couple --by cells --cells 400 --seed 1 a b)
}

@test "--by rows and --by identity need no points" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 --no-point >2
	couple --by identity 2 >g
	[ "$(frame2tsv g | awk 'NR > 1 && ($1 != $2 || $3 != 1) { n++ } END { print n + 0, NR }')" \
		= "0 4097" ]
	made a 5 2 1
	made b 4 2 2 clusters space=other		# tokens 5 8 11 14
	"$PY" -c '
import numpy as np
none = 2**32 - 1
np.save("map", np.array([0, 0, 0, 0, 0, 14, 0, 0, 5, 0, 0, none, 0, 0, 9, 0, 0, 14], "<u4"))'
	couple --by rows --rows map.npy a b >g 2>notes
	oracle couple columns g a b 3 0 - - 3
	[ "$(<notes)" = "couple: 2 of 5 tokens of a have none in b" ]
	framecat --header g | grep -q '"by":"rows","dropped":2'
	"$PY" -c '
import numpy as np
rows = np.load("map.npy").astype("i8")
rows[11] = -1
np.savez("maps", rows=rows, i4=rows.astype("u4").view("i4"))'
	for key in rows i4; do
		couple --quiet --by rows --rows maps.npz:$key a b | cmp <(frame2json | sed 1d) \
			<(frame2json g | sed 1d)
	done
	couple --by rows --rows <(cat map.npy) a b 2>/dev/null | cmp <(frame2json | sed 1d) \
		<(frame2json g | sed 1d)
}

@test "ids in the vocabulary go with the tokens" {
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 \
		--tokens "$SAMPLE/tokens.npy" >2
	couple --quiet 2 >g
	"$PY" -c '
import numpy as np
from couple import dense
tokens = dense("g")[1]
vocab = np.load("'"$SAMPLE"'/tokens.npy").reshape(-1)
assert np.array_equal(tokens["row_vocab"], vocab) and np.array_equal(tokens["col_vocab"], vocab)
from semot import read, write
(header, frames), = read("2")
frames[1]["vocab"][7] += 1
write("other", header, frames)
del frames[1]["vocab"]
write("some", header, frames)'
	fails 1 couple --by identity 2 other
	same="--by identity is for the same text"
	[ "$line" = "couple: other: token 2055 is not that of 2: $same" ]
	fails 1 couple 2 some
	[ "$line" = "couple: some: frame 2: vocab in some frames and not in others" ]
}

@test "notes: how far the nearest are, and who is nobody's" {
	made a 900 6 1
	made b 800 6 2
	couple a b >g 2>notes
	oracle couple notes notes g a b
	[ -z "$(couple --quiet a b 2>&1 >/dev/null)" ]
}

@test "stdin holds one text or two; an empty text couples nothing" {
	made a 90 6 1
	made b 80 6 2
	couple --quiet a b | frame2tsv >expected
	cat a b | couple --quiet | frame2tsv | cmp - expected
	cat a b | couple --quiet - - | frame2tsv | cmp - expected
	couple --quiet a - <b | frame2tsv | cmp - expected
	couple --quiet <a | frame2tsv | cmp - <(couple --quiet a | frame2tsv)
	made none 0 6 2
	for options in "" "--cells 3" "--by cells --cells 3" "--by sinkhorn"; do
		for sides in "a none" "none a" "none none"; do
			couple $options $sides >g
			[ -z "$(frame2tsv g | sed 1d)" ]
		done
	done
	couple --cells 3 a none 2>&1 >/dev/null | cmp - /dev/null
	"$PY" -c '
import numpy as np
np.save("map", np.arange(273) % 3)
np.save("none", np.arange(3))'
	couple --by rows --rows map.npy a none >g 2>notes
	[ "$(<notes)" = "couple: 90 of 90 tokens of a have none in none" ]
	couple --by rows --rows none.npy none a 2>&1 | frame2tsv | sed 1d | cmp - /dev/null
}

@test "frames of no tokens change nothing" {
	made a 90 6 1
	made b 80 6 2
	"$PY" -c '
from semot import read, write
(header, (f,)), = read("a")
no = {name: x[:name == "indptr"] for name, x in f.items()}
write("more", header, [no, f, no])
write("none", header, [no])
write("wide", header, [{**no, "point": no["point"].reshape(-1)[:0].reshape(0, 2**22 + 1)}])'
	for options in "" "--cells 3" "--by cells --cells 3" "--by sinkhorn"; do
		couple --quiet $options a b | frame2tsv >g
		couple --quiet $options more b | frame2tsv | cmp - g
		couple $options none b >g 2>notes
		[ -z "$(frame2tsv g | sed 1d)" ] && [ ! -s notes ]
		couple $options b none 2>&1 | frame2tsv | sed 1d | cmp - /dev/null
	done
	fails 1 couple b wide
	[ "$line" = "couple: wide: frame 1: points of 4194305 dimensions: the limit is 4194304" ]
}

@test "texts that cannot be coupled are refused" {
	made a 90 6 1
	made b 80 6 2 normal space=other
	made c 80 7 2
	fails 1 couple a b
	[ "$line" = "couple: b: header: space 'other', a has 'reference': give both through the \
same refproj, such as refproj --lift STATES --space NAME" ]
	fails 1 couple --by cells --cells 3 a b
	fails 1 couple a c
	[ "$line" = "couple: c: points of 7 dimensions, a has 6" ]
	fails 1 couple --by identity a b
	[ "$line" = "couple: b: 80 tokens, where a has 90: --by identity is for the same text" ]
	cat a a >two
	fails 1 couple two a
	[ "$line" = "couple: two: stream 2: header: a further stream, where 1 is read" ]
	fails 1 couple < <(cat a a a)
	[ "$line" = "couple: stdin: stream 3: header: a further stream, where 2 are read" ]
	fails 1 couple - - <a
	[ "$line" = "couple: stdin: 1 streams, where - - reads two" ]
	stream distributions >d
	fails 1 couple a d
	[[ $line == *"a stream of distributions, where activations are read: "* ]]
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 --no-point >2
	fails 1 couple 2
	[[ $line == *"no points: refproj --lift gives them"* ]]
	"$PY" -c '
import numpy as np
from semot import read, write
(header, (f,)), = read("a")
for name, value in ("nan", np.nan), ("large", 2e15):
    x = f["point"].copy()
    x[3, 2] = value
    write(name, header, [{**f, "point": x}])
token = f["token"].copy()
token[5] = token[4]
write("again", header, [{**f, "token": token}])
write("flat", header, [{**f, "point": f["point"][:, :0]}])'
	for name in nan large; do
		fails 1 couple $name
		says="the point of token 14 is not finite, or beyond 1e15"
		[ "$line" = "couple: $name: frame 1: $says" ]
	done
	fails 1 couple again
	[ "$line" = "couple: again: frame 1: token 17 after token 17: tokens have to ascend" ]
	fails 1 couple flat
	[ "$line" = "couple: flat: frame 1: points of 0 dimensions" ]
}

@test "--rows that is no map of the tokens is refused" {
	made a 5 2 1
	made b 4 2 2
	"$PY" -c '
import numpy as np
from semot import read, write
np.save("short", np.zeros(17, "<u4"))
np.save("long", np.zeros(19, "<u4"))
np.save("beyond", np.full(18, 15, "<u4"))
np.save("below", np.full(18, -2))
np.save("real", np.zeros(18))
np.save("square", np.zeros((18, 1), "<u4"))
np.save("good", np.full(18, 14))
for name in "ab":
    (header, frames), = read(name)
    del header["tokens"]
    write("some." + name, header, frames)'
	needed="left out or not: a row for each is needed"
	for length in short:17 long:19; do
		fails 1 couple --by rows --rows ${length%:*}.npy a b
		what="${length#*:} rows, where a is of 18 tokens"
		[ "$line" = "couple: ${length%:*}.npy: $what, $needed" ]
	done
	fails 1 couple --by rows --rows short.npy some.a b
	[ "$line" = "couple: short.npy: 17 rows, where some.a has token 17" ]
	for b in b some.b; do
		fails 1 couple --by rows --rows beyond.npy a $b
		[ "$line" = "couple: beyond.npy: row 0 is 15, beyond the last token of $b, 14" ]
		couple --by rows --rows good.npy a $b 2>&1 | framecat --check
	done
	fails 1 couple --by rows --rows below.npy a b
	none="a token without a row has -1 or 4294967295"
	[ "$line" = "couple: below.npy: row 0 is -2: $none" ]
	fails 1 couple --by rows --rows real.npy a b
	[[ $line == "couple: real.npy: 1 dimensions of <f8, where one of integers is read"* ]]
	fails 1 couple --by rows --rows square.npy a b
	[[ $line == "couple: square.npy: 2 dimensions of <u4, where one of integers is read"* ]]
	fails 1 couple --by rows --rows nothing.npy a b
	fails 1 couple --by rows --rows /dev/zero a b
	[[ $line == "couple: /dev/zero: neither .npy, .npz, .safetensors nor .pt"* ]]
	fails 1 couple --by rows --rows <(cat good.npy /dev/zero) a b
	[[ $line == *" bytes after the array" ]]
}

@test "a coupling of another number of tokens than its header says is refused" {
	made a 30 2 1
	made b 20 2 2
	couple --quiet a b >g
	"$PY" -c '
from semot import read, write
(header, frames), = read("g")
for name in "rows", "cols":
    write(name, {**header, name: header[name] + 1}, frames)
write("none", header, [])'
	fails 1 coact --coupling rows a b
	[ "$line" = "coact: rows: frame 1: 30 tokens, where the header's rows is 31" ]
	fails 1 coact --coupling cols a b
	[ "$line" = "coact: cols: frame 1: 20 tokens, where the header's cols is 21" ]
	fails 1 coact --coupling none a b
	[[ $line == *"0 tokens, where the header's rows is 30" ]]
}

@test "options that do not go together are refused" {
	made a 5 2 1
	for options in "--by rows" "--rows a" "--by cells" "--by identity --cells 3" \
		"--by nearer" "--neighbours 1025" "--cells 20000" "--probes 0"; do
		fails 2 couple $options a
	done
	fails 2 couple a a a
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream activations couple --quiet --threads 1
	oracle mutate --stream activations couple --quiet --threads 1 --cells 7
}

@test "the output is the same for any number of threads" {
	made a 3000 40 1 clusters
	made b 2500 40 2 clusters
	for options in "" "--neighbours 5" "--by sinkhorn" "--cells 30 --probes 4" \
		"--by cells --cells 50"; do
		cmp <(couple --threads 1 $options a b 2>&1) <(couple --threads 3 $options a b 2>&1)
	done
}
