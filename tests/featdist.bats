load helper
# contract: activations featdist --min-count 1 --support 4
# fuzz: activations featdist --min-count 1 --support 2 --select top

# acts LAYER: activations of the sample
acts() {
	act-dump --hidden "$SAMPLE/hidden_L$1.npy" --sae "$SAMPLE/sae_L$1_s0" --layer "$1" \
		--no-point
}

# agrees OPTION...: the sample of ./a is the one that plain Python takes
agrees() {
	featdist --quiet "$@" a >d
	oracle sampling check a d "$@"
}

# weights: feature, token and weight of every point of the distributions on stdin
weights() {
	"$PY" -c '
from semot import read
import numpy as np
for header, frames in read("-"):
    table = np.concatenate([f["token"] for f in frames if "token" in f])
    for f in frames:
        for i, feature in enumerate(f.get("feature", [])):
            for k in range(f["indptr"][i], f["indptr"][i + 1]):
                print(feature, table[f["row"][k]], f["weight"][k])
'
}

# scaled FACTOR: the activations of ./a times a factor
scaled() {
	frame2json a | "$PY" -c '
import json, sys
for line in sys.stdin:
    frame = json.loads(line)
    if "value" in frame:
        frame["value"][2] = [x * float(sys.argv[1]) for x in frame["value"][2]]
    print(json.dumps(frame))
' "$1" | json2frame
}

@test "the coordinated sample is that of plain Python, token for token" {
	acts 3 >a
	agrees
	for seed in 1 2 123456789; do agrees --seed $seed --support 16; done
	agrees --support 1 --min-count 1
	agrees --support 1000
	for power in 0 1 1.5 4; do agrees --power $power --support 16; done
}

@test "the largest activations are those of plain Python, and so are independent samples" {
	acts 3 >a
	for select in top random; do
		agrees --select $select
		agrees --select $select --power 1
		agrees --select $select --support 10 --min-count 40 --seed 3
	done
}

@test "over many seeds the mean of weighted sums is the sum over all tokens" {
	acts 5 >a
	for seed in $(seq 200); do
		featdist --quiet --min-count 100 --support 32 --seed "$seed" a
	done >d
	oracle sampling unbiased a <d
	for seed in $(seq 200); do
		featdist --quiet --min-count 100 --support 32 --select random --seed "$seed" a
	done >d
	oracle sampling unbiased a <d
}

@test "scaling a feature's activations changes nothing" {
	acts 2 >a
	featdist --quiet a | weights >one
	for factor in 0.25 4; do scaled $factor | featdist --quiet | weights | cmp - one; done
	scaled 3 | featdist --quiet | weights >three	# whose activations are rounded
	paste -d" " one three | awk '$1 != $4 || $2 != $5 || ($3 - $6) ^ 2 > 1e-12 { exit 1 }'
}

@test "equal activations of two layers keep equal tokens, unless samples are independent" {
	stream activations --frames 8 >a
	sed 's/"layer":"3"/"layer":"4"/' <(frame2json a) | json2frame >b
	cmp <(featdist --support 4 a | weights) <(featdist --support 4 b | weights)
	refute cmp -s <(featdist --support 4 --select random a | weights) \
		<(featdist --support 4 --select random b | weights)
}

@test "how the tokens are cut into frames does not matter" {
	acts 1 >a
	"$PY" - <<-'PYTHON' >b
	from semot import read, write
	[(header, frames)] = read('a')
	small = []
	for f in frames:
	    for t in range(0, len(f['token']), 100):
	        ends = f['indptr'][t:t + 101]
	        own = slice(ends[0], ends[-1])
	        small.append({'token': f['token'][t:t + 100], 'indptr': ends - ends[0],
	                      'feature': f['feature'][own], 'value': f['value'][own]})
	write("-", header, small)
	PYTHON
	cmp <(featdist --quiet <a) <(featdist --quiet <b)
}

@test "points are carried, and are those of the tokens" {
	from=(--hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2)
	act-dump "${from[@]}" | featdist --quiet >with
	act-dump "${from[@]}" --no-point | featdist --quiet |
		refproj --lift "$SAMPLE/hidden_L2.npy" >lifted
	cmp <(frame2json with | grep '"point"') <(frame2json lifted | grep '"point"')
}

@test "points of f2, bf16 and f8 become f4" {
	"$PY" - <<-'PYTHON'
	import io
	import numpy as np
	import make_stream
	from semot import bf16, read, write
	(header, frames), = read(io.BytesIO(make_stream.make("activations")))
	point = frames[0]["point"].astype("f2")
	point = (point.astype("f4").view("u4") & 0xffff0000).view("f4")		# that all can hold
	for name in "f4", "f2", "f8", "bf16":
	    given = bf16(point) if name == "bf16" else point.astype(name)
	    write(name, header, [{**frames[0], "point": given}])
	PYTHON
	for dtype in f2 bf16 f8; do
		cmp <(featdist --min-count 1 <f4) <(featdist --min-count 1 <$dtype)
	done
}

@test "features that fire rarely are left out, and counted" {
	acts 6 >a
	featdist a 2>notes | framecat --header >header
	grep -q '"left_out":109' header
	grep -q '^featdist: a: layer 6: 109 of 512 features' notes
}

@test "several streams on stdin are sampled one by one" {
	{ acts 1; acts 2; } | featdist --quiet >both
	for l in 1 2; do acts $l | featdist --quiet; done | cmp - both
}

@test "memory does not grow with the tokens: 60 MB of points in 20 MB" {
	[ -z "$SAN" ] || skip "the sanitizers need more"
	"$PY" - <<-'PYTHON' >a
	import numpy as np
	from semot import write
	rng, n = np.random.default_rng(0), 1000
	write("-", {"kind": "activations", "layer": "1", "features": 50}, [{
	    "token": np.arange(i * n, (i + 1) * n, dtype="<u4"),
	    "point": rng.standard_normal((n, 128)).astype("<f4"),
	    "indptr": np.arange(n + 1, dtype="<u4"),
	    "feature": rng.integers(0, 50, n).astype("<u4"),
	    "value": rng.exponential(1, n).astype("<f4")} for i in range(120)], checksum=False)
	PYTHON
	oracle memory 20 featdist --quiet a
}

# refused PYTHON: what is wrong with the activations once this was done to header, f
refused() {
	"$PY" - "$1" <<-'PYTHON' >broken
	import sys
	import numpy as np
	from semot import read, write
	[(header, frames)] = read('a')
	f = frames[0]
	exec(sys.argv[1])
	write("-", header, frames)
	PYTHON
	fails 1 featdist broken
	echo "$line"
}

@test "what is wrong with activations is said in one line" {
	stream activations >a
	refused 'f["token"][3] = 0' | grep -q "tokens have to ascend"
	refused 'f["feature"][5] = 999' | grep -q "feature 999 of"
	refused 'f["value"][2] = float("nan")' | grep -q "not finite"
	refused 'f["indptr"][4] = 9999' | grep -q "indptr"
	refused 'f["indptr"][-1] += 1' | grep -q "indptr"
	refused 'header["features"] = 2**40' | grep -q ": the limit is 67108864"
	refused 'del header["features"]' | grep -q "no features"
	refused 'del frames[-1]["point"]' | grep -q "point"
	refused 'f["value"] = f["value"].astype("<f8")' | grep -q "<f8, not <f4"
	refused 'k = f["indptr"][(np.diff(f["indptr"]) > 1).argmax()]
f["feature"][k + 1] = f["feature"][k]' | grep -q "stands twice on token"
	refused 'f["vocab"] = f["token"]' | grep -q "in some frames and not in others"
	refused 'f["point"] = f["point"][:, :0]' | grep -q "points of 0 dimensions"
	refused 'f["point"] = f["point"][:, :5].copy()' | grep -q "dimension 1 of point"
}

@test "a value of 0 is no firing, and negative ones are refused" {
	stream activations >a
	"$PY" - <<-'PYTHON' >b
	from semot import read, write
	[(header, frames)] = read('a')
	f = frames[0]
	f['value'][20:30] = 0
	write("-", header, frames)
	PYTHON
	mv b a
	agrees --min-count 1 --support 5
	"$PY" - <<-'PYTHON' >b
	from semot import read, write
	[(header, frames)] = read('a')
	frames[0]['value'][:20] *= -1
	write("-", header, frames)
	PYTHON
	fails 1 featdist b
	[[ $line == "featdist: b: 20 activations are negative: "* ]]
}

@test "activations whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream activations featdist --quiet --min-count 1 --support 4
	oracle mutate --stream activations featdist --quiet --select random --support 3
}
