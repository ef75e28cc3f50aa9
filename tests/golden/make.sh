#!/bin/sh
# make.sh FOLDER: streams of every kind, written by the programs of build/bin, and of each what
# frame2json prints, gzipped. A file that is there is not written again: those of golden/v1 have to
# be read for as long as 1 is the version (Version in frame(5)). tests/golden.bats says what they
# have to hold.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=${BUILD:-$root/build}/bin:/usr/bin:$PATH
export PYTHONPATH="$root/tests/oracle:$root/examples" PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# kept NAME [--compress]: stdin, a stream, is NAME here, and in the folder.
kept() {
	cat >"$1"
	[ ! -e "$folder/$1.frame" ] || return 0
	framecat ${2-} "$1" >frame
	frame2json frame | gzip -9n >"$folder/$1.jsonl.gz"
	mv frame "$folder/$1.frame"
}

# What they are made of: states of three layers, an SAE, ids and strings of tokens, two ITDA
# dictionaries, a graph.
python3 - <<'END'
import numpy as np
import atoms, make_stream
sae, states = make_stream.sae(), make_stream.states()[:32]
np.savez("sae.npz", **{name: x[:6] if name == "W_dec" else x[..., :6] for name, x in sae.items()})
for layer in 3, 4, 5:
    np.save(f"{layer}.npy", np.roll(states, layer, 1) * np.float32(layer / 4))
np.save("half.npy", states.astype("f2"))
np.save("tokens.npy", make_stream.tokens()[:32])
open("vocab", "w").writelines(f"{'Ġ' if i % 2 else ''}w{i}\n" for i in range(20))
rng = np.random.default_rng(1)
for name in "ab":
    atom = rng.normal(size=(6, 6)).astype("f4")
    place = np.arange(6)[:, None] // [1, 6] + [1, 0] + (name == "b") * np.array([2, 0])
    atoms.folder(name, atom / np.linalg.norm(atom, axis=1, keepdims=True), place)
END
python3 "$root/tests/oracle/attribution.py" make --features 8 |
	sed 's/"target": "3_0_1",/& "more": [1],/' >graph.json
[ -e "$folder/graph.json" ] || cp graph.json "$folder"

# What the programs write of them.
for layer in 3 4 5; do
	act-dump --quiet --hidden $layer.npy --sae sae.npz --layer $layer --model toy --context 16 \
		--skip 1 --tokens tokens.npy --skip-ids 3 >$layer.act
	featdist --quiet --support 5 --min-count 1 $layer.act >$layer.features
done
kept activations <3.act
act-dump --quiet --hidden 3.npy --sae a --layer 3 --no-point | kept activations-signed --compress
act-dump --quiet --hidden half.npy --sae sae.npz --layer 3 | kept activations-half
contexts --quiet --vocab vocab --before 3 --after 2 3.act | kept contexts --compress
refaxes --whiten --dim 4 --context 16 --skip 1 --tokens tokens.npy --skip-ids 3 4.npy | kept axes
for layer in 3 4 5; do
	refproj --quiet --lift 4.npy --axes axes $layer.features >$layer.dist
done
kept distributions --compress <3.dist
kept distributions-power <3.dist

sinkhorn --quiet --error 8 3.dist 4.dist | kept distances --compress
for i in 1 2; do
	sinkhorn --quiet --epsilon-abs 0.5 --debias --rows $i/2 3.dist 4.dist |
		kept distances-rows-$i
done
emd --quiet --top 3 --error 8 3.dist 4.dist | kept distances-top --compress
emd --quiet --top 3 --budget 0.5 3.dist 4.dist | kept distances-budget --compress
sinkhorn --quiet --top 3 --budget 0.5 3.dist 4.dist | kept distances-bounds
emd --quiet --part 2 3.dist 4.dist | kept distances-parts
sinkhorn --quiet --unbalanced 2 3.dist 4.dist | kept distances-unbalanced
decoder --quiet --atoms a b | kept distances-atoms
refproj --quiet --lift 5.npy 4.act >there
refproj --quiet --lift 5.npy 3.act >here
couple --quiet --cells 4 --probes 2 here there | kept coupling --compress
couple --quiet --neighbours 2 here there | kept coupling-nearest
coact --quiet --top 3 --coupling coupling 3.act 4.act | kept distances-coupled

hungarian --quiet --max-cost 3 --open distances-top | kept matching --compress
nearest --quiet distances | kept matching-nearest --compress
nearest --quiet distances-budget | kept matching-unproved
for pair in "3 4" "4 5" "3 5"; do
	energy --quiet --error 8 ${pair% *}.dist ${pair#* }.dist >distances-energy
	hungarian --quiet distances-energy
	[ "$pair" = "3 5" ] || nearest --quiet distances-energy
done >matchings
compose matchings | kept matching-composed
flow --chance 1 matchings | kept flow --compress
flow --chance 0 matchings | kept flow-by-chance
match-eval --quiet --a 3.act --b 4.act --bootstrap 9 matching-nearest | kept scores --compress
match-subst --quiet --a 3.act --b 4.act --bootstrap 9 --sae-b sae.npz --hidden-b 4.npy matching |
	kept scores-replaced
for pair in "3 4" "3 5"; do
	energy --quiet ${pair% *}.dist ${pair#* }.dist
done | layeralign | kept scores-layers

graph2frame --quiet graph.json | kept graph
edgeprofile --quiet graph | kept distances-nodes
supernode --quiet --graph graph --groups 3 distances-nodes | kept graph-groups --compress
graph-score graph-groups | kept scores-graph
