# contract: distributions centroid
# fuzz: distributions centroid --top 2 --rows 1/2
load helper
load stages

@test "the distance of means is numpy's" {
	agrees centroid
}

@test "means far from 0 keep their digits" {
	oracle sinkhorn make --shape far >a
	centroid a >out
	"$PY" -c "
import numpy as np, sinkhorn, stages
m = np.array([w @ x for w, x in sinkhorn.distributions('a')])
assert np.allclose(stages.read('out')[1], np.linalg.norm(m[:, None] - m, axis=2), rtol=1e-5)"
}

@test "of one set: symmetric, 0 to itself, and as two sets" {
	compares_itself centroid
}

@test "--top and --rows are parts of the whole" {
	picks centroid
}

@test "--top of many columns: the numbers of the whole, and the errors" {
	for i in 1 2 3; do
		oracle sinkhorn make --features 150 --points 1:9 --seed $i --layer $i >$i
	done
	oracle sinkhorn make --features 50 --points 1:4 --shape far --layer 4 >4
	cat 1 2 >a
	cat 2 4 1 3 >b			# copies, and means far from 0
	for sets in "a b" b; do
		centroid --error 2 $sets >whole
		for k in 1 7 30; do
			centroid --error 2 --top $k $sets >top.$k
		done
		for i in 1 2; do centroid --error 2 --top 7 --rows $i/2 $sets >both.$i; done
		oracle stages parts whole top.* both.*
	done
}

@test "--error: the sampling error of each distance, by halvings of the tokens" {
	tells_errors centroid
}

@test "the error is about how far distances of other samples deviate" {
	deviates centroid
}

@test "distances grow with the points, and not with the activations" {
	scales 1000 centroid
	ignores_mass centroid
}

@test "sets without features pass" {
	passes_empty centroid
}

@test "what cannot be compared is refused" {
	refuses centroid
}

@test "the header says what was done" {
	two
	centroid a b | framecat --header | grep -q '"metric":"centroid","rows":4,"cols":4'
}

@test "streams whose tensors lie: taken or refused, never a crash" {
	oracle mutate --stream distributions centroid --quiet --threads 1
}
