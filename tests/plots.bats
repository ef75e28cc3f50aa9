# examples/plots.py, where there is matplotlib.

load helper

@test "it draws a histogram, a heat map of all and of nearest distances, and a flow" {
	"$PY" -c "import matplotlib" 2>/dev/null || skip "no python3-matplotlib"
	for l in 1 2 3; do
		act-dump --hidden "$SAMPLE/hidden_L$l.npy" --sae "$SAMPLE/sae_L${l}_s0" --layer $l \
			--features 0:99 | featdist --quiet --support 8 |
			refproj --lift "$SAMPLE/hidden_L6.npy" --whiten --dim 16 >$l.dist
	done
	for pair in 1-2 2-3; do
		centroid ${pair%-*}.dist ${pair#*-}.dist >$pair.d
		nearest --mutual $pair.d >$pair.m
	done
	flow ?-?.m >f
	centroid --top 9 1.dist 2.dist >top
	plots() {
		MPLCONFIGDIR=$PWD "$PY" "$ROOT/examples/plots.py" "$@"
	}
	for how in histogram heat; do
		plots $how 1-2.d $how.svg
		plots $how top $how-top.svg
		grep -q '<svg' $how.svg && grep -q '<svg' $how-top.svg
	done
	plots flow f flow.svg
	# the heights of its bars are the counts of the flow
	"$PY" - <<-'END'
	import os, sys
	os.environ["MPLCONFIGDIR"] = "."
	import plots
	from semot import read
	[f] = read("f")
	figure, axes = plots.pyplot.subplots()
	plots.flow(f, axes)
	height = [bar.get_height() for bar in axes.patches]
	layers = f.frames[0]
	old = layers["features"].astype(int) - layers["births"]
	on = layers["features"].astype(int) - layers["deaths"]
	assert height == [*old[1:], *on[:-1], *layers["births"], *layers["deaths"],
	                  layers["features"][0], layers["features"][-1]], height
	assert (old[1:] == on[:-1]).all()
	[d] = read("1-2.d")
	figure, axes = plots.pyplot.subplots()
	plots.heat(d, axes)
	drawn = axes.images[0].get_array()
	assert sorted(map(tuple, drawn)) == sorted(map(tuple, d["dist"]))
	assert (abs(drawn.argmin(axis=1)[1:] >= drawn.argmin(axis=1)[:-1])).all()
	END
	plots flow f flow.png
	[ "$(head -c 4 flow.png | tail -c 3)" = PNG ]
	refute plots pie f flow.png 2>said
	grep -q 'histogram|heat|flow' said
	refute plots flow 1-2.d flow.svg 2>said
	[ "$(wc -l <said)" -eq 1 ]
	grep -q '^1-2.d: no features: there are .*dist' said
}
