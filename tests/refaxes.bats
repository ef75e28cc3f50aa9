# contract: none refaxes --whiten --dim 9 {sample}/hidden_L1.npy
# fuzz: none refaxes --whiten --dim 2 {states}

load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	act-dump --hidden "$SAMPLE/hidden_L2.npy" --sae "$SAMPLE/sae_L2_s0" --layer 2 |
		featdist --quiet >d
	ref=$SAMPLE/hidden_L6.npy
}

space() {
	framecat --header "$1" | sed 's/.*"space":"\([^"]*\)".*/\1/'
}

# alike OPTIONS REFPROJ: axes made with these options serve as options that are given on the spot
alike() {
	refaxes $1 "$ref" >axes
	refproj $2 --axes axes d >saved
	refproj $2 $1 $3 d >spot
	oracle same saved spot
	[ "$(space saved)" = "$(space spot)" ]
}

@test "points and space are those of axes that are estimated on the spot" {
	for how in --whiten "--dim 20" "--whiten --dim 20" "--whiten --context 64 --skip 3"; do
		alike "$how" "--lift $ref"
	done
	alike "--whiten --dim 20" "--lift $ref --unit"
	"$PY" -c 'import numpy as np; np.save("mask.npy", np.arange(4096) % 7 > 1)'
	alike "--whiten --mask mask.npy --context 64 --skip 3" "--lift $ref"
	fails 1 refproj --fit "$SAMPLE/hidden_L2.npy" "$ref" --axes axes d
	[[ $line == *"axes without "*" tokens #"*"--whiten"* ]]
	alike "--whiten --context 64 --skip 3" "--fit $SAMPLE/hidden_L2.npy $ref"
	alike "--whiten --dim 20" --identity "--reference $ref"
}

@test "axes are orthogonal directions, the longest variance first" {
	refaxes --dim 40 "$ref" >axes
	"$PY" - "$ref" <<-'PYTHON'
	import sys
	import numpy as np
	from semot import read
	[(header, [frame])] = read("axes")
	x = np.load(sys.argv[1]).astype("f8").reshape(-1, 128)
	axis, mean = frame["axis"].astype("f8"), frame["mean"]
	assert (header["tokens"], header["d"], header["dims"]) == (len(x), 128, 40)
	assert np.allclose(mean, x.mean(0), atol=1e-4)
	assert np.allclose(axis @ axis.T, np.eye(40), atol=1e-5)
	variance = ((x - x.mean(0)) @ axis.T).var(0)
	assert np.allclose(variance, np.linalg.eigvalsh(np.cov(x.T, bias=True))[:-41:-1], rtol=1e-3)
	PYTHON
}

@test "shards are their whole, and threads change nothing" {
	"$PY" -c 'import numpy as np, sys
x = np.load(sys.argv[1])
np.save("a.npy", x[:1000]); np.save("b.npy", x[1000:])' "$ref"
	refaxes --whiten --threads 1 "$ref" | frame2json | sed 1d >whole
	refaxes --whiten --threads 2 a.npy b.npy | frame2json | sed 1d | cmp - whole
}

@test "with --space they serve the states of another text" {
	refaxes --whiten --dim 9 "$ref" >axes
	other=$SAMPLE/hidden_L5.npy
	refproj --lift "$other" --space texts --axes axes d >moved
	refproj --lift "$other" d | refproj --identity --axes axes >steps
	cmp <(frame2json moved | sed 1d) <(frame2json steps | sed 1d)
	refproj --lift "$ref" --space texts --axes axes d >own
	for file in moved own; do
		[[ $(space $file) == "texts, whitened, 9 dims by hidden_L6.npy#"* ]]
	done
	"$PY" -c 'import numpy as np; np.save("narrow.npy", np.ones((4096, 100), "f4"))'
	fails 1 refproj --lift narrow.npy --space texts --axes axes d
	[[ $line == *"axes of 128 dimensions, narrow.npy has states of 100" ]]
}

@test "axes of something else are refused in one line" {
	refaxes --whiten --dim 9 "$ref" >axes
	fails 1 refproj --lift "$SAMPLE/hidden_L5.npy" --axes axes d
	[[ $line == "refproj: axes: axes of other states, hidden_L6.npy#"*" than those of "* ]]
	"$PY" -c 'import numpy as np, sys
x = np.load(sys.argv[1]).reshape(-1, 128)
np.save("narrow.npy", x[:, :100]); np.save("few.npy", x[:-1])' "$ref"
	fails 1 refproj --lift narrow.npy --axes axes d
	[[ $line == *"axes of 128 dimensions, narrow.npy has 100" ]]
	fails 1 refproj --lift few.npy --axes axes d
	[[ $line == *"axes of other states"* ]]
	head -c 3000 axes >cut
	fails 1 refproj --lift "$ref" --axes cut d
	fails 1 refproj --lift "$ref" --axes d d
	[[ $line == *"a stream of distributions"* ]]
	fails 1 refproj --lift "$ref" --axes nowhere d
	"$PY" - <<-'PYTHON'
	import numpy as np
	from semot import read, write
	[(header, [frame])] = read("axes")
	axis = frame["axis"].copy()
	axis[3, 5] = np.nan
	write("nan", header, [{**frame, "axis": axis}])
	write("short", header, [{**frame, "mean": frame["mean"][:-1]}])
	write("two", header, [frame, frame])
	write("none", {**header, "dims": 0}, [frame])
	PYTHON
	for bad in nan short two none; do
		fails 1 refproj --lift "$ref" --axes $bad d
		[[ $line == "refproj: $bad: "* ]]
	done
}

@test "a wrong command line is refused" {
	refaxes --whiten "$ref" >axes
	fails 2 refaxes --whiten
	fails 2 refaxes "$ref"
	fails 2 refaxes --whiten --skip 2 "$ref"
	for option in --whiten "--dim 3" "--context 9" "--context 9 --skip 2"; do
		fails 2 refproj --lift "$ref" --axes axes $option d
	done
	fails 2 refproj --identity --axes axes --reference "$ref" d
	fails 2 refproj --lift "$ref" --axes - d
}

@test "axes that lie: taken or refused, never a crash" {
	refaxes --whiten --dim 2 "$ref" >axes
	"$PY" - "$ref" <<-'PYTHON'
	import subprocess, sys
	data = open("axes", "rb").read()
	for at in list(range(0, 400, 3)) + list(range(len(data) - 40, len(data))):
	    for bit in 1, 128:
	        open("bad", "wb").write(data[:at] + bytes([data[at] ^ bit]) + data[at + 1:])
	        run = subprocess.run(["refproj", "--lift", sys.argv[1], "--axes", "bad", "d"],
	                             capture_output=True)
	        assert run.returncode == 1 and run.stderr.count(b"\n") == 1, (at, run.stderr)
	PYTHON
}
